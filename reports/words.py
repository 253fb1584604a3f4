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

ADVICE = {
    VerdictWord.FAIL_OPEN: "Compare the pins with the validated chain, on every connection, before a byte is sent.",
    VerdictWord.EARLY_DATA_LEAK: "Switch TLS early data off for pinned hosts.",
    VerdictWord.CLIENT_AUTH_LEAK: "Check the server before the client certificate is sent: inside the handshake.",
    VerdictWord.DOWNGRADE: "Remove the fallback: no retry without pins, in plain text or over another connection.",
    VerdictWord.LEAKED: "Move the check before the request: inside the handshake, not in a later callback.",
    VerdictWord.ERROR: "Mend the client's command or adapter, then repeat: nothing was learned about its pins.",
    VerdictWord.INCONCLUSIVE: "Read the reason, mend what stood in the way, then repeat: this is no pass.",
    VerdictWord.FALSE_SUCCESS: "Report the refusal to the caller: the user is told that all went well.",
    VerdictWord.OUTAGE: "Ship pins that cover the next key or CA before the rotation, or mend how they are compared.",
    VerdictWord.OUTAGE_DEFERRED: "Expect the outage when tickets and pooled connections end: ship pins that cover it.",
    VerdictWord.UNSUPPORTED: "Nothing to do, unless this scenario matters for you: it was not tested.",
    VerdictWord.REPORTED: "Read the reason and decide: correct clients differ here.",
    VerdictWord.PASS: "Nothing to do.",
}
"""What to do about a verdict, in one sentence."""


def style(verdict: VerdictWord, known: bool = False) -> str:
    """A terminal style; the word itself always says the same without colour."""
    if verdict in VIOLATIONS:
        return "yellow" if known else "bold red"
    if verdict in UNJUDGED:
        return "yellow"
    if verdict is VerdictWord.PASS:
        return "green"
    return "cyan" if verdict is VerdictWord.REPORTED else "dim"
