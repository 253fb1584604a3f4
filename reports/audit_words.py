"""The verdicts of an audit in words for people."""

from typing import Literal

Kind = Literal["wrong", "unclear", "right"]

MEANING = {
    "no-validation": "accepts a certificate that anybody can make: everybody on the way can read and change its data",
    "wrong-certificate": "checks the wrong certificate or not the name: a rogue one with a trick got its data",
    "fallback": "refuses, and then tries again in plain text, with another TLS stack or without checking",
    "intercepted": "not pinned: whoever has a CA that the device trusts reads its data",
    "leaked": "refuses too late: its data had been readable",
    "mixed": "some of its connections are pinned, others are not",
    "inconclusive": "nothing can be said; the reason says why",
    "ca-untrusted": "the test CA is not trusted, so nothing can be said about pinning",
    "pinned": "refused a CA that its TLS stack trusts, again and again, and sent nothing",
    "not-contacted": "nobody contacted it",
}
"""In the order in which they alarm."""

TITLE = {**{word: word for word in MEANING}, "pinned": "pinned (pin or private trust anchor)"}

ADVICE = {
    "no-validation": "Remove the trust manager, delegate or flag that accepts every certificate.",
    "wrong-certificate": "Check the name, and compare pins with the validated chain, not with what was presented.",
    "fallback": "Remove the fallback: no retry without pins, in plain text or over another connection.",
    "intercepted": "If this host is worth pinning, pin it; if not, nothing: any app without pins looks like this.",
    "leaked": "Move the check before the request: inside the handshake, not in a later callback.",
    "mixed": "Find the client objects of the app that carry no pins, and give them the same.",
    "inconclusive": "Read the reason, mend what stood in the way, then audit again: this is no pass.",
    "ca-untrusted": "Put the test CA where the app looks for trust (system store, debug configuration), then repeat.",
    "pinned": "Nothing.",
    "not-contacted": "Use the part of the app that needs it, or take it off the list.",
}

TESTS = {
    "no-validation": "MASTG-TEST-0282",
    "wrong-certificate": "MASTG-TEST-0283",
    "fallback": "MASTG-TEST-0236",
    "intercepted": "MASTG-TEST-0244",
    "leaked": "MASTG-TEST-0244",
    "mixed": "MASTG-TEST-0244",
}
"""The nearest test of the OWASP Mobile Application Security Testing Guide."""

CONDITION = {
    "pass-through": "the genuine server, untouched",
    "trusted-ca": "a certificate of the test CA for the right name",
    "self-signed": "a self-signed certificate",
    "untrusted-ca": "a certificate of a CA that nobody trusts",
    "genuine-leaf-appended": "the test CA's chain, then the genuine certificate",
    "genuine-issuers-appended": "the test CA's chain, then the genuine issuers",
    "genuine-leaf-at-second-position": "the test CA's chain, the genuine certificate in second place",
    "genuine-leaf-without-key": "the genuine chain, without its key",
    "other-host": "a certificate of the test CA for another name",
    "expired": "an expired certificate of the test CA",
}

WRONG = frozenset({"no-validation", "wrong-certificate", "fallback", "intercepted", "leaked", "mixed"})


def kind(word: str) -> Kind:
    if word in WRONG:
        return "wrong"
    return "right" if word == "pinned" else "unclear"


def style(word: str) -> str:
    """A terminal style; the word itself always says the same without colour."""
    return {"wrong": "bold red", "unclear": "yellow", "right": "green"}[kind(word)]
