"""The verdicts of an audit in words for people."""

from typing import Literal

WordTone = Literal["wrong", "unclear", "right"]

MEANING = {
    "no-validation": "accepts a certificate that anybody can make: everybody on the way can read and change its data",
    "wrong-certificate": "refused a plain rogue certificate and sent its data to one with a trick, or to another name",
    "fallback": "refuses, and then tries again in plain text, with another TLS stack or without checking",
    "intercepted": "no pin kept its data back: whoever has a CA that the device trusts reads it",
    "leaked": "it gave up before any answer, but its data or its client certificate had been readable",
    "mixed": "some of its connections were refused, others were read",
    "inconclusive": "nothing can be said; the reason says why",
    "ca-untrusted": "pinned, or the test CA is not trusted by it: these cannot be told apart",
    "pinned": "refused a CA that its TLS stack trusts, again and again, and sent nothing",
    "not-contacted": "nobody contacted it",
}
"""In the order in which they alarm."""

TITLE = {
    **{word: word for word in MEANING},
    "ca-untrusted": "ca-untrusted (or pinned)",
    "pinned": "pinned (pin or private trust anchor)",
}

ADVICE = {
    "no-validation": "Find what accepts every certificate (a trust manager, a delegate, a flag), and remove it.",
    "wrong-certificate": "Read which trick it was; check name and dates, and compare pins with the validated chain.",
    "fallback": "Remove the fallback: no retry without pins, in plain text or over another connection.",
    "intercepted": "Worth pinning? Then pin it, and check before the request: no pin and a check after the answer look "
    "alike here. If not, nothing: any app without pins looks like this.",
    "leaked": "If it checks a pin, check it before the request: inside the handshake, not in a later callback.",
    "mixed": "Find which of its connections were read (other client objects, later connections), and pin them as well.",
    "inconclusive": "Read the reason, mend what stood in the way, then audit again: this is no pass.",
    "ca-untrusted": "Let the same client contact one host without a pin. Is that refused as well, then put the test CA "
    "where the app looks for trust (system store, debug configuration); then repeat.",
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
    "genuine-issuers-in-place": "a certificate of the test CA before the genuine issuers, each in its place",
    "genuine-at-every-position": "the same, then the whole genuine chain: each in its place from either end",
    "genuine-leaf-without-key": "the genuine chain, without its key",
    "other-host": "a certificate of the test CA for another name",
    "expired": "an expired certificate of the test CA",
}

WRONG = frozenset({"no-validation", "wrong-certificate", "fallback", "intercepted", "leaked", "mixed"})


def kind(word: str) -> WordTone:
    if word in WRONG:
        return "wrong"
    return "right" if word == "pinned" else "unclear"


def style(word: str) -> str:
    """A terminal style; the word itself always says the same without colour."""
    return {"wrong": "bold red", "unclear": "yellow", "right": "green"}[kind(word)]
