"""The steps of a plan: what is served after each, with stand-ins where a certificate is not issued yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pindrill import _core
from pindrill.keyring import InputError
from pindrill.pem import read_pem
from pindrill.preflight.files import assumed_trust, read_chain, read_trust
from pindrill.preflight.model import Chain, Instant, Trust
from pindrill.preflight.plan import DOABLE, Do, PlanStep, StepInputs, validity_of
from pindrill.preflight.server import ServedChain
from pindrill.preflight.standins import Mirror
from pindrill.toml_file import TomlTable

_KEYS = ("date", "do", "name", "chain", "key", "csr", "issuers", "days", "root")
_TAKES: dict[Do, tuple[str, ...]] = {
    "renew": ("chain", "days"),
    "rekey": ("chain", "key", "csr", "days"),
    "switch-ca": ("chain", "key", "csr", "issuers", "days"),
    "add-root": ("root",),
    "remove-root": ("root",),
}
_ALWAYS = (946684800, 4102444800)
"""From 2000 to 2100."""
_MOST_DAYS = 20 * 366


def read_steps(entries: Sequence[TomlTable], current: Chain, trust: Trust | None, rollout: int) -> tuple[PlanStep, ...]:
    """In order: each begins with what the one before it left. No trust: assumed for each chain."""
    reader = _Reader(ServedChain.of(current), trust, current)
    steps: list[PlanStep] = []
    for number, entry in enumerate(entries, start=1):
        step = reader.step(entry, number)
        if steps and step.at <= steps[-1].at:
            raise entry.refuse("date", f"step {number} is not after step {number - 1}", "put the steps in order")
        if steps and step.at < steps[-1].at + rollout:
            raise entry.refuse(
                "date",
                f"step {number} begins before the roll-out of step {number - 1} has ended",
                "leave rollout_days between them",
            )
        steps.append(step)
    return tuple(steps)


@dataclass
class _Reader:
    server: ServedChain
    trust: Trust | None
    before: Chain

    def __post_init__(self) -> None:
        self.mirror = Mirror()
        self.known_roots = set((self.trust or self.server.trust).certificates)

    def step(self, entry: TomlTable, number: int) -> PlanStep:
        entry.only(_KEYS)
        at, do = entry.day("date"), _do(entry)
        if at is None:
            raise entry.refuse("date", "the key 'date' is missing", "say when the step begins: date = 2027-03-01")
        for key in ("chain", "key", "csr", "issuers", "days", "root"):
            if key in entry.values and key not in _TAKES[do]:
                raise entry.refuse(key, f"{do} takes no {key}", f"it takes: {', '.join(_TAKES[do])}")
        name = entry.text("name") or do
        given = StepInputs(**{key: entry.file(key) for key in ("chain", "key", "csr", "issuers", "root")})
        old, self.server = self.server, self._changed(entry, do, given, at)
        self.known_roots |= set(self.server.trust.certificates)
        made = self.before.name if do in _OF_ROOTS else f"the chain of step {number} ({name})"
        shown = str(entry.values.get("chain") or made)
        before, self.before = self.before, self.server.chain(shown, self.mirror)
        return PlanStep(
            number=number,
            name=name,
            do=do,
            at=at,
            line=entry.line,
            given=given,
            before=before,
            after=self.before,
            servers=(old, self.server),
            any_day=self.server.chain(shown, self.mirror, _ALWAYS) if do not in _OF_ROOTS else self.before,
        )

    def _changed(self, entry: TomlTable, do: Do, given: StepInputs, at: Instant) -> ServedChain:
        if do in _OF_ROOTS:
            return self._root_changed(entry, do, given)
        if given.chain:
            return ServedChain.of(read_chain(given.chain, self.trust))
        server = self._switched(entry, given) if do == "switch-ca" else self.server
        _refuse_unknown_issuer(entry, server)
        days = entry.number("days", self.server.days, _MOST_DAYS)
        if days < 1 or days != int(days):
            raise entry.refuse("days", f"days is {days:g}", "write a whole number of days, at least 1")
        return replace(server, leaf=None, key=self._key(entry, do, given), validity=validity_of(at, int(days)))

    def _root_changed(self, entry: TomlTable, do: Do, given: StepInputs) -> ServedChain:
        if given.root is None:
            raise entry.refuse("root", f"{do} without a root", "name its certificate: root = 'root.pem'")
        roots = read_trust(given.root).certificates
        if do == "remove-root" and not set(roots) & self.known_roots:
            raise entry.refuse("root", "no device trusts this root, so it cannot be removed", "name one of trust")
        if self.trust is not None:
            self.trust = _with_roots(self.trust, do, roots)
        return replace(self.server, trust=_with_roots(self.server.trust, do, roots))

    def _switched(self, entry: TomlTable, given: StepInputs) -> ServedChain:
        if given.issuers is None:
            raise entry.refuse(
                "do",
                "switch-ca without the new CA",
                "name the new chain (chain), or the new CA's certificates (issuers)",
            )
        issuers = read_trust(given.issuers).certificates
        trust = self.trust or assumed_trust(str(entry.values["issuers"]), issuers)
        # A root is not presented as a rule, and clients do not miss it.
        presented = tuple(each for each in issuers if each.subject != each.issuer)
        return replace(self.server, issuer=issuers[0].subject, issuers=presented, trust=trust)

    def _key(self, entry: TomlTable, do: Do, given: StepInputs) -> _core.KeyPair:
        if given.key and given.csr:
            raise entry.refuse("csr", "a key and a CSR", "name one of them")
        if do == "rekey" and not given.key and not given.csr:
            raise entry.refuse("do", "rekey without a new key", "name a chain, a key or a csr")
        return _public(entry, given) or self.server.key


_OF_ROOTS: tuple[Do, ...] = ("add-root", "remove-root")


def _public(entry: TomlTable, given: StepInputs) -> _core.KeyPair | None:
    """Only the public half of it is ever kept."""
    file: Path | None = given.key or given.csr
    if file is None:
        return None
    try:
        return _core.KeyPair.from_pem(_core.KeyPair.from_pem(read_pem(file)).public_pem())
    except InputError as error:
        raise entry.refuse("key" if given.key else "csr", f"{file}: {error}", "give a key or a CSR as PEM") from error


def _refuse_unknown_issuer(entry: TomlTable, server: ServedChain) -> None:
    """Stand-ins need to know which keys they stand for, up to the root."""
    known = {each.subject for each in (*server.issuers, *server.trust.certificates)}
    if server.issuer not in known or not server.trust.complete:
        raise entry.refuse(
            "do",
            f"the issuer of the new certificate is not known up to its root ({server.issuer})",
            "put the whole chain into the file, or name the roots in trust",
        )


def _with_roots(trust: Trust, do: Do, roots: Sequence[_core.Certificate]) -> Trust:
    kept = tuple(each for each in trust.certificates if each not in roots)
    return replace(trust, certificates=kept + (tuple(roots) if do == "add-root" else ()))


def _do(entry: TomlTable) -> Do:
    value = entry.text("do")
    for known in DOABLE:
        if value == known:
            return known
    raise entry.refuse(
        "do", f"do is {value!r}" if value else "the key 'do' is missing", f"write one of: {', '.join(DOABLE)}"
    )
