"""The words and marks that all reports share."""

from pindrill.model import UNJUDGED, VIOLATIONS, VerdictWord

MARK = {
    VerdictWord.PASS: "pass",
    VerdictWord.FAIL_OPEN: "OPEN",
    VerdictWord.EARLY_DATA_LEAK: "EARLY",
    VerdictWord.CLIENT_AUTH_LEAK: "AUTH",
    VerdictWord.DOWNGRADE: "DOWN",
    VerdictWord.LEAKED: "LEAK",
    VerdictWord.ERROR: "error",
    VerdictWord.INCONCLUSIVE: "?",
    VerdictWord.FALSE_SUCCESS: "FALSE",
    VerdictWord.OUTAGE: "OUT",
    VerdictWord.OUTAGE_DEFERRED: "LATER",
    VerdictWord.UNSUPPORTED: "-",
    VerdictWord.REPORTED: "note",
}

MEANING = {
    VerdictWord.PASS: "did what a correct client does",
    VerdictWord.FAIL_OPEN: "sent its request to a server that it must refuse, and took the answer",
    VerdictWord.EARLY_DATA_LEAK: "early data was readable before any check",
    VerdictWord.CLIENT_AUTH_LEAK: "sent its client certificate to a server that it must refuse",
    VerdictWord.DOWNGRADE: "the request secret went over another connection",
    VerdictWord.LEAKED: "refused only after its request was readable",
    VerdictWord.ERROR: "the client or its adapter failed",
    VerdictWord.INCONCLUSIVE: "nothing can be said; the reason says why",
    VerdictWord.FALSE_SUCCESS: "refused on the wire, but reports success",
    VerdictWord.OUTAGE: "refused a certificate that it must accept",
    VerdictWord.OUTAGE_DEFERRED: "only resumed or pooled connections still work",
    VerdictWord.UNSUPPORTED: "cannot be run with this client",
    VerdictWord.REPORTED: "policy: told, not judged",
}


def style(verdict: VerdictWord, known: bool = False) -> str:
    """A terminal style; the word itself always says the same without colour."""
    if verdict in VIOLATIONS:
        return "yellow" if known else "bold red"
    if verdict in UNJUDGED:
        return "yellow"
    if verdict is VerdictWord.PASS:
        return "green"
    return "cyan" if verdict is VerdictWord.REPORTED else "dim"
