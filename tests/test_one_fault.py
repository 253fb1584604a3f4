"""Of every stage that must be refused one thing only is wrong: a client that overlooks it must be seen to do so.

The openssl program decides on trust, chain, name and dates; `cryptography` finds the path that pins are compared with.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pindrill import _core
from pindrill.drills.cells import Planner
from pindrill.keyring import Keyring, NotServable
from pindrill.mint import Mint
from pindrill.model import GENUINE, STRATEGIES, TRUSTED_ROOTS, Expect, Fault, Scenario, Served, Stage, Strategy
from pindrill.scenarios import CATALOGUE
from support.openssl import verify

FAULTS: tuple[Fault, ...] = get_args(Fault)
YEAR = 365 * 86400


class Lifted:
    """One stage, of which each thing that may be wrong can be put right."""

    def __init__(self, mint: Mint, directory: Path) -> None:
        self._mint = mint
        self._directory = directory
        self._valid = cache(self._is_valid)

    def wrong(self, scenario: Scenario, stage: Stage, strategy: Strategy) -> set[str]:
        """What is still refused when everything else has been put right."""
        return {
            fault for fault in FAULTS if not self._acceptable(scenario, stage, strategy, frozenset(FAULTS) - {fault})
        }

    def acceptable_without(self, faults: set[str], scenario: Scenario, stage: Stage, strategy: Strategy) -> bool:
        return self._acceptable(scenario, stage, strategy, frozenset(faults))

    def _acceptable(self, scenario: Scenario, stage: Stage, strategy: Strategy, lifted: frozenset[str]) -> bool:
        shown = stage.serve.presented
        served = stage.serve.present(*shown, "issuers") if "chain" in lifted else stage.serve
        trust = scenario.trust
        if "trust" in lifted and served.issuers:
            trust = (*trust, served.issuers[0])
        own_possession = served.signing_key is None or "possession" in lifted
        return (
            own_possession
            and self._valid(served, trust, scenario.host, lifted - {"pin", "possession", "chain"})
            and ("pin" in lifted or self._pinned(scenario, stage, strategy, served, trust))
        )

    def _is_valid(self, served: Served, trust: tuple[str, ...], host: str, lifted: frozenset[str]) -> bool:
        chain = self._mint.credential(served).chain
        anchors = [*self._mint.trust(trust), *([chain[0]] if "trust" in lifted and not served.issuers else [])]
        # An absolute name is compared without its dot, which is the client's part (RFC 9525 section 6.2).
        options = [] if "name" in lifted else ["-verify_hostname", host.removesuffix(".")]
        moments = [["-attime", str(at)] for at in edges(chain)] if "dates" in lifted else [[]]
        return any(verify(self._directory, chain, anchors, *options, *moment) == "" for moment in moments)

    def _pinned(
        self, scenario: Scenario, stage: Stage, strategy: Strategy, served: Served, trust: tuple[str, ...]
    ) -> bool:
        wanted = stage.pins or scenario.pins
        if wanted.expires is not None and wanted.expires < timedelta():
            return scenario.fault != "pin"  # there the expired pins are the point
        pins = set(self._mint.pins(strategy, wanted))
        path = path_of(self._mint.credential(served).chain, self._mint.trust(trust))
        return bool(pins & {pin for each in path for pin in pins_of(each)})


def edges(chain: Sequence[_core.Certificate]) -> list[int]:
    """Just inside each certificate's dates."""
    return [at for each in chain for at in (each.not_before + 60, each.not_after - 60)]


def path_of(chain: Sequence[_core.Certificate], trust: Sequence[_core.Certificate]) -> list[x509.Certificate]:
    """From the first certificate on, by signatures."""
    path = [x509.load_pem_x509_certificate(chain[0].pem.encode())]
    known = [x509.load_pem_x509_certificate(each.pem.encode()) for each in (*chain[1:], *trust)]
    while above := next((each for each in known if each not in path and signed(path[-1], each)), None):
        path.append(above)
    return path


def signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def pins_of(certificate: x509.Certificate) -> set[str]:
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digests = (hashlib.sha256(each).digest() for each in (spki, certificate.public_bytes(Encoding.DER)))
    return {base64.b64encode(digest).decode() for digest in digests}


def refused(mint: Mint, strategy: Strategy) -> list[tuple[Scenario, Stage]]:
    """Or a matter of policy."""
    planner = Planner(mint)
    return [
        (scenario, stage)
        for scenario in CATALOGUE
        for stage in scenario.stages
        if planner.expectation(scenario, stage, strategy)[0] is not Expect.ACCEPT
    ]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=[strategy.name for strategy in STRATEGIES])
def test_one_thing_only_is_wrong(mint: Mint, tmp_path: Path, strategy: Strategy) -> None:
    lifted = Lifted(mint, tmp_path)
    for scenario, stage in refused(mint, strategy):
        wrong = lifted.wrong(scenario, stage, strategy)
        declared = {scenario.fault or "pin"}
        also = {"pin"} if _has_another_key(scenario, stage) else set()
        assert declared <= wrong <= declared | also, (scenario.id, strategy.name, wrong)
        assert lifted.acceptable_without(wrong, scenario, stage, strategy), (scenario.id, strategy.name)


def _has_another_key(scenario: Scenario, stage: Stage) -> bool:
    """Whoever shows it has not got the pinned key: where the pin excludes it, the pin is wrong as well."""
    pins = stage.pins or scenario.pins
    return stage.serve.key != pins.pinned.key and pins.expires is None


def test_only_a_pin_is_wrong_where_no_other_fault_is_declared(mint: Mint) -> None:
    """Such scenarios are rotations that these pins should not survive."""
    undeclared = {scenario.id for scenario in CATALOGUE if scenario.fault is None}
    found = {scenario.id for strategy in STRATEGIES for scenario, _ in refused(mint, strategy)}
    assert {each for each in found & undeclared if not each.startswith("rotation/")} == set()
    assert found >= {scenario.id for scenario in CATALOGUE if scenario.fault}


# --- dates --------------------------------------------------------------------------------------------------------

DATES = {code: next(each for each in CATALOGUE if each.code == code) for code in ("VT1", "VT2", "VT3")}


@pytest.mark.parametrize(("code", "moments"), [("VT1", (0, 1)), ("VT2", (0, 1)), ("VT3", (0, 3))])
def test_at_another_time_wrong_dates_are_right(mint: Mint, tmp_path: Path, code: str, moments: tuple[int, int]) -> None:
    """At the leaf's notBefore, and at the notAfter of the certificate that they are about."""
    chain, trust = mint.credential(DATES[code].stages[0].serve).chain, mint.trust(DATES[code].trust)
    assert verify(tmp_path, chain, trust) != ""
    for at in moments:
        assert verify(tmp_path, chain, trust, "-attime", str(edges(chain)[at])) == ""


def paths(mint: Mint) -> dict[str, list[_core.Certificate]]:
    """What is presented, and the root that is not."""
    shown = {}
    for scenario in CATALOGUE:
        for served in (scenario.genuine, *(stage.serve for stage in scenario.stages)):
            roots = mint.trust(tuple(each for each in served.issuers[:1] if each))
            shown[f"{scenario.id} {served}"] = [*mint.credential(served).chain, *roots]
    return shown


def test_an_issuer_is_valid_whenever_what_it_issues_is(mint: Mint) -> None:
    for name, shown in paths(mint).items():
        for issued in (each for each in shown if each.subject != each.issuer):  # a root is older than a cross-signing
            for issuer in (each for each in shown if each.subject == issued.issuer and each != issued):
                if issuer.not_after > time.time() or not name.startswith("validity/"):
                    assert issuer.not_before <= issued.not_before, name
                    assert issued.not_after <= issuer.not_after, name


def test_roots_and_intermediates_leave_room_for_any_leaf(mint: Mint, tmp_path: Path) -> None:
    kept = Mint(Keyring.create(tmp_path / "kept"))
    for made in (mint, kept):
        intermediate, root = made.credential(GENUINE).chain[1], made.trust(("root-current",))[0]
        leaves = [made.leaf(each) for each in (GENUINE, *(each.stages[0].serve for each in DATES.values()))]
        for issuer, issued in ((intermediate, leaves), (root, [intermediate])):
            assert issuer.not_before + YEAR < min(each.not_before for each in issued)
            assert issuer.not_after - YEAR > max(each.not_after for each in issued)


# --- keyrings that were made with other dates ---------------------------------------------------------------------


def aged(directory: Path, begun: timedelta, end: timedelta = timedelta(days=3650)) -> Mint:
    """A kept keyring whose roots are valid since `begun` only."""
    keyring = Keyring.create(directory)
    for root in TRUSTED_ROOTS:
        spec = _core.CertificateSpec(keyring.authority_name(root), ca=True, not_before=begun, not_after=end)
        (directory / "certificates" / f"{root}.pem").write_text(_core.self_signed(keyring.key(root), spec).pem)
    for leaf in ("leaf-current", "leaf-backup"):
        (directory / "certificates" / f"{leaf}.pem").unlink()
    return Mint(Keyring.open(directory))


def test_under_an_older_keyring_expired_certificates_are_shorter(tmp_path: Path) -> None:
    mint = aged(tmp_path / "old", timedelta(days=-10))
    for code in DATES:
        chain = mint.credential(DATES[code].stages[0].serve).chain
        assert verify(tmp_path, chain, mint.trust(TRUSTED_ROOTS)) != ""
        assert verify(tmp_path, chain, mint.trust(TRUSTED_ROOTS), "-attime", str(edges(chain)[0])) == ""


def test_where_a_kept_root_began_too_late_what_has_expired_is_unsupported(tmp_path: Path) -> None:
    mint = aged(tmp_path / "young", timedelta(hours=-1))
    assert verify(tmp_path, mint.credential(GENUINE).chain, mint.trust(TRUSTED_ROOTS)) == ""
    cells = Planner(mint).cells(CATALOGUE[:1] + tuple(DATES.values()), [STRATEGIES[0]], ["1.3"])
    why = {cell.scenario.code: cell.unsupported for cell in cells}
    assert (why["BL1"], why["VT2"]) == (None, None)
    for code in ("VT1", "VT3"):
        assert "would be wrong twice; a keyring that is made now has older roots" in (why[code] or "")


def test_nothing_outlasts_a_root_that_ends_soon(tmp_path: Path) -> None:
    mint = aged(tmp_path / "ending", timedelta(days=-400), timedelta(days=20))
    root, (leaf, intermediate) = mint.trust(("root-current",))[0], mint.credential(GENUINE).chain
    assert leaf.not_after <= intermediate.not_after <= root.not_after
    with pytest.raises(NotServable):
        mint.credential(GENUINE.valid(timedelta(days=30), timedelta(days=90)))
