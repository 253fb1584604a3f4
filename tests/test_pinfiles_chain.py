"""Pins beside a chain: what lint says of it, and what a correct client of the format does with it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pindrill import _core
from pindrill.pinfiles import DeclaredPin, Expiry, LintFinding, PinFile, PinFormat, PinRule, Severity
from pindrill.pinfiles.formats import FORMAT
from pindrill.pinfiles.lint import lint
from pindrill.pinfiles.oracle import predict
from support.openssl import public_key, spki_pin

NOW = datetime.now(UTC)
HOST = "app.example.com"


@dataclass(frozen=True)
class Chain:
    root: _core.Certificate
    intermediate: _core.Certificate
    leaf: _core.Certificate

    @property
    def presented(self) -> list[_core.Certificate]:
        return [self.leaf, self.intermediate]

    @property
    def whole(self) -> list[_core.Certificate]:
        return [*self.presented, self.root]


def minted(name: str = "some CA", host: str = HOST) -> Chain:
    key = _core.KeyPair.generate("p-256")
    root = _core.Authority.root(key, _core.CertificateSpec(f"{name} root", ca=True))
    intermediate = root.intermediate(_core.KeyPair.generate("p-256"), _core.CertificateSpec(name, ca=True))
    leaf = intermediate.issue(_core.KeyPair.generate("p-256"), _core.CertificateSpec(host, dns=[host]))
    return Chain(root.certificate, intermediate.certificate, leaf)


@pytest.fixture(scope="module")
def chain() -> Chain:
    return minted()


@pytest.fixture(scope="module")
def other() -> Chain:
    return minted("another CA")


def key_pin(certificate: _core.Certificate) -> DeclaredPin:
    """By openssl alone."""
    text = spki_pin(public_key(certificate))
    return DeclaredPin(text=text, digest=base64.b64decode(text), line=3)


def pin_of(data: bytes) -> DeclaredPin:
    digest = hashlib.sha256(data).digest()
    return DeclaredPin(text=base64.b64encode(digest).decode(), digest=digest, line=3)


def file(form: PinFormat, *pins: DeclaredPin, **traits: Any) -> PinFile:
    rule = PinRule(domain=traits.pop("domain", HOST), pins=pins, line=2, **traits)
    return PinFile(path="pins", format=form, rules=(rule,))


BACKUP = pin_of(b"a backup key that is kept offline")


def said(pin_file: PinFile, shown: list[_core.Certificate], **options: Any) -> set[str]:
    return {finding.rule for finding in lint([pin_file], NOW, chain=shown, **options)}


# --- lint ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["leaf", "intermediate", "root"])
def test_pins_that_match_the_chain(chain: Chain, part: str) -> None:
    assert said(file(FORMAT["android-nsc"], key_pin(getattr(chain, part)), BACKUP), chain.whole) == set()


def test_pins_that_no_longer_match(chain: Chain, other: Chain) -> None:
    stale = file(FORMAT["android-nsc"], key_pin(other.leaf), BACKUP)
    (found,) = lint([stale], NOW, chain=chain.whole)
    assert (found.rule, found.severity, found.line) == ("pins-do-not-match", "error", 2)
    assert "locked out" in found.effect


def test_a_chain_without_its_private_root_is_no_proof(chain: Chain) -> None:
    (found,) = lint([file(FORMAT["android-nsc"], key_pin(chain.root), BACKUP)], NOW, chain=chain.presented)
    assert (found.rule, found.severity) == ("pins-do-not-match", "warning")
    assert "its root is not in it" in found.message


def test_a_leaf_pin_needs_no_root_to_be_judged(chain: Chain, other: Chain) -> None:
    option = file(FORMAT["curl"], key_pin(other.leaf), BACKUP, position="leaf")
    assert [f.severity for f in lint([option], NOW, chain=chain.presented)] == ["error"]


WRONG_THINGS: dict[str, Callable[[Chain], bytes]] = {
    "certificate": lambda chain: chain.leaf.der,
    "PEM file": lambda chain: chain.leaf.pem.encode(),
    "public key file": lambda chain: public_key(chain.leaf).encode(),
    "CA certificate": lambda chain: chain.intermediate.der,
}


@pytest.mark.parametrize("what", WRONG_THINGS)
def test_the_digest_of_a_certificate_where_a_key_was_meant(chain: Chain, what: str) -> None:
    wrong = file(FORMAT["android-nsc"], pin_of(WRONG_THINGS[what](chain)), BACKUP)
    assert said(wrong, chain.whole) == {"certificate-pinned"}


def test_the_digest_of_a_key_where_a_certificate_was_meant(chain: Chain) -> None:
    flutter = file(FORMAT["flutter"], key_pin(chain.leaf), BACKUP, of="certificate", position="leaf")
    assert said(flutter, chain.whole) == {"key-pinned"}
    right = file(FORMAT["flutter"], pin_of(chain.leaf.der), BACKUP, of="certificate", position="leaf")
    assert said(right, chain.whole) == set()


def test_a_ca_where_only_the_leaf_is_compared(chain: Chain) -> None:
    option = file(FORMAT["curl"], key_pin(chain.intermediate), BACKUP, position="leaf")
    assert said(option, chain.whole) == {"ca-at-leaf"}


def test_ca_and_leaf_pins_mixed(chain: Chain) -> None:
    mixed = file(FORMAT["android-nsc"], key_pin(chain.leaf), key_pin(chain.intermediate))
    assert said(mixed, chain.whole) == {"mixed-positions"}
    lists = file(FORMAT["apple-ats"], key_pin(chain.leaf), BACKUP, position="leaf-and-ca")
    both = replace(lists.rules[0], ca_pins=(key_pin(chain.intermediate), pin_of(b"another CA")))
    assert said(replace(lists, rules=(both,)), chain.whole) == set()


def test_both_lists_of_an_ats_entry_have_to_match(chain: Chain, other: Chain) -> None:
    rule = PinRule(
        domain=HOST,
        pins=(key_pin(chain.leaf), BACKUP),
        ca_pins=(key_pin(other.intermediate), pin_of(b"another CA")),
        position="leaf-and-ca",
        line=2,
    )
    assert said(PinFile(path="pins", format=FORMAT["apple-ats"], rules=(rule,)), chain.whole) == {"pins-do-not-match"}


def test_the_leaf_in_the_ca_list_never_matches(chain: Chain) -> None:
    leaf = file(FORMAT["apple-ats"], position="leaf-and-ca", ca_pins=(key_pin(chain.leaf), BACKUP))
    assert said(leaf, chain.whole) == {"pins-do-not-match"}
    authority = file(FORMAT["apple-ats"], position="leaf-and-ca", ca_pins=(key_pin(chain.intermediate), BACKUP))
    assert said(authority, chain.whole) == set()


@pytest.mark.parametrize("name", ["mitmproxy", "DO_NOT_TRUST_FiddlerRoot", "PortSwigger CA"])
def test_the_ca_of_an_interception_tool(name: str) -> None:
    proxied = minted(name)
    assert "interception-ca" in said(file(FORMAT["android-nsc"], key_pin(proxied.intermediate), BACKUP), proxied.whole)


def test_a_chain_of_another_host_says_nothing_of_this_one(chain: Chain, other: Chain) -> None:
    elsewhere = file(FORMAT["android-nsc"], key_pin(other.leaf), BACKUP, domain="www.example.org")
    assert said(elsewhere, chain.whole) == set()
    assert said(elsewhere, chain.whole, hosts=["www.example.org"]) == {"pins-do-not-match"}


def test_a_wildcard_certificate_covers_the_names_one_label_below(other: Chain) -> None:
    wild = minted(host="*.example.com")
    assert said(file(FORMAT["android-nsc"], key_pin(wild.leaf), BACKUP), wild.whole) == set()
    assert said(file(FORMAT["android-nsc"], key_pin(other.leaf), BACKUP), wild.whole) == {"pins-do-not-match"}
    assert said(file(FORMAT["android-nsc"], key_pin(other.leaf), BACKUP, domain="a.b.example.com"), wild.whole) == set()


# --- prediction ----------------------------------------------------------------------------------------------


def answer(pin_file: PinFile, chain: Chain, *, host: str = HOST, at: datetime = NOW) -> str:
    return predict(pin_file, trust=[chain.root], presented=chain.presented, host=host, at=at).answer


@pytest.mark.parametrize(
    ("form", "position", "part", "expected"),
    [
        (FORMAT["android-nsc"], "any", "leaf", "accept"),
        (FORMAT["android-nsc"], "any", "root", "accept"),
        (FORMAT["okhttp"], "any", "intermediate", "accept"),
        (FORMAT["curl"], "leaf", "leaf", "accept"),
        (FORMAT["curl"], "leaf", "intermediate", "refuse"),
        (FORMAT["apple-ats"], "leaf-and-ca", "leaf", "accept"),
        (FORMAT["apple-ats"], "leaf-and-ca", "intermediate", "refuse"),
    ],
)
def test_each_position_is_its_own(chain: Chain, form: PinFormat, position: str, part: str, expected: str) -> None:
    pinned = file(form, key_pin(getattr(chain, part)), position=position)
    assert answer(pinned, chain) == expected


def test_the_ca_list_is_not_compared_with_the_leaf(chain: Chain) -> None:
    def ca_list(certificate: _core.Certificate) -> PinFile:
        return file(FORMAT["apple-ats"], position="leaf-and-ca", ca_pins=(key_pin(certificate),))

    assert answer(ca_list(chain.intermediate), chain) == "accept"
    assert answer(ca_list(chain.root), chain) == "accept"
    assert answer(ca_list(chain.leaf), chain) == "refuse"


def test_both_lists_must_match(chain: Chain, other: Chain) -> None:
    for leaf, authority, expected in (
        (chain.leaf, chain.intermediate, "accept"),
        (other.leaf, chain.intermediate, "refuse"),
        (chain.leaf, other.intermediate, "refuse"),
    ):
        both = file(FORMAT["apple-ats"], key_pin(leaf), position="leaf-and-ca", ca_pins=(key_pin(authority),))
        assert answer(both, chain) == expected


def test_all_matching_ats_entries_are_united(chain: Chain, other: Chain) -> None:
    parent = PinRule(domain="example.com", subdomains="one", position="leaf-and-ca", pins=(key_pin(chain.leaf),))
    own = PinRule(domain=HOST, position="leaf-and-ca", pins=(key_pin(other.leaf),))
    united = PinFile(path="pins", format=FORMAT["apple-ats"], rules=(parent, own))
    assert answer(united, chain) == "accept"
    specific = replace(
        united,
        format=FORMAT["android-nsc"],
        rules=tuple(replace(r, position="any", subdomains="all" if r is parent else "none") for r in (parent, own)),
    )
    assert answer(specific, chain) == "refuse"


def test_validation_remains(chain: Chain, other: Chain) -> None:
    pinned = file(FORMAT["android-nsc"], key_pin(chain.leaf))
    assert predict(pinned, trust=[other.root], presented=chain.presented, host=HOST, at=NOW).answer == "refuse"
    alone = file(FORMAT["curl"], key_pin(chain.leaf), position="leaf", mode="replace", check_host=False)
    assert predict(alone, trust=[other.root], presented=chain.presented, host=HOST, at=NOW).answer == "accept"


def test_what_does_not_bind_lets_the_chain_through(chain: Chain, other: Chain) -> None:
    wrong = key_pin(other.leaf)
    for lenient in (
        file(FORMAT["trustkit-ios"], wrong, BACKUP, enforce=False),
        file(FORMAT["android-nsc"], wrong, domain="example.org"),
        file(FORMAT["trustkit-ios"], excluded=True),
    ):
        found = predict(lenient, trust=[chain.root], presented=chain.presented, host=HOST, at=NOW)
        assert (found.answer, found.pinned) == ("accept", False)
    assert answer(file(FORMAT["trustkit-android"], wrong, BACKUP, enforce=False), chain) == "refuse"


def test_a_pin_that_cannot_match_still_locks_out(chain: Chain) -> None:
    long = DeclaredPin(text="", digest=b"\xff" + bytes(32))
    assert answer(file(FORMAT["okhttp"], long), chain) == "refuse"
    assert answer(file(FORMAT["apple-ats"], position="leaf-and-ca", lockout="an empty list"), chain) == "refuse"


def test_a_file_that_stops_the_app_gets_nothing_through(chain: Chain) -> None:
    broken = replace(file(FORMAT["android-nsc"], key_pin(chain.leaf)), crash="a bad pin")
    found = predict(broken, trust=[chain.root], presented=chain.presented, host=HOST, at=NOW)
    assert found.answer == "refuse"
    assert "does not start" in found.reason


@pytest.mark.parametrize(
    ("zone", "hours", "expected"),
    [
        ("utc", 0, "refuse"),
        ("utc", 1, "accept"),
        ("local", -15, "refuse"),
        ("local", -13, "report"),
        ("local", 11, "report"),
        ("local", 13, "accept"),
    ],
)
def test_when_an_expired_set_lets_a_chain_through(other: Chain, zone: Any, hours: int, expected: str) -> None:
    """Midnight UTC is one instant, local midnight 26 hours of them."""
    end = timedelta(days=40)
    root = _core.Authority.root(_core.KeyPair.generate("p-256"), _core.CertificateSpec("root", ca=True, not_after=end))
    leaf = root.issue(_core.KeyPair.generate("p-256"), _core.CertificateSpec(HOST, dns=[HOST], not_after=end))
    day = NOW.date() + timedelta(days=3)
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=hours)
    pinned = file(FORMAT["android-nsc"], key_pin(other.leaf), expires=Expiry(day=day, zone=zone))
    assert predict(pinned, trust=[root.certificate], presented=[leaf], host=HOST, at=at).answer == expected


def test_what_the_oracle_has_no_words_for_is_inconclusive(chain: Chain) -> None:
    sha1 = DeclaredPin(text="sha1/", digest=bytes(20), algorithm="sha1")
    for pinned in (
        file(FORMAT["okhttp"], sha1),
        file(FORMAT["dane"], key_pin(chain.root), position="ca", mode="replace"),
        file(FORMAT["android-nsc"], key_pin(chain.leaf), anchors_override=True),
        file(FORMAT["hpkp"], key_pin(chain.leaf), BACKUP, domain=""),
    ):
        found = predict(pinned, trust=[chain.root], presented=chain.presented, host=HOST, at=NOW)
        assert found.answer == "inconclusive"
        assert found.reason


def test_pins_that_could_not_be_read_leave_the_answer_open(chain: Chain, other: Chain) -> None:
    note = LintFinding(
        file="pins", line=1, rule="unread", severity=Severity.INFO, message="a call", effect="not read", fix="look"
    )
    for pin, expected in ((key_pin(chain.leaf), "accept"), (key_pin(other.leaf), "inconclusive")):
        partly = replace(file(FORMAT["okhttp"], pin), findings=(note,))
        assert answer(partly, chain) == expected
        assert answer(partly, chain, host="elsewhere.example.org") == "inconclusive"
        assert said(replace(partly, rules=(replace(partly.rules[0], partial=True),)), chain.whole) == {"unread"}


def test_dates_beyond_the_calendar_do_not_overflow() -> None:
    for day in (date.min, date.max):
        for zone in ("utc", "local"):
            expiry = Expiry(day=day, zone=zone)
            assert expiry.earliest <= expiry.latest
