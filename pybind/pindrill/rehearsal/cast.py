"""What is played: the plan's chains as credentials that can be served now, and the pins that a client is told."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pindrill import _core
from pindrill.keyring import CoreError, Keyring
from pindrill.mint import Mint
from pindrill.model import HOST, Semantics, Served
from pindrill.pinfiles import PinFile, rules_for
from pindrill.pinfiles.explain import is_off
from pindrill.pinfiles.formats.keyring import KEYRING
from pindrill.pinfiles.model import DeclaredPin
from pindrill.pinfiles.pin_file import binds
from pindrill.preflight.model import Chain, Instant, State, as_datetime
from pindrill.preflight.outlook import state_at, translated
from pindrill.preflight.plan import DAY
from pindrill.preflight.server import ServedChain
from pindrill.preflight.standins import Mirror

_AUTHORITIES = (-3650 * DAY, 1825 * DAY)
_LEAF = (-30 * DAY, 60 * DAY)
"""From now on. Authorities are valid whenever what they issue is."""
_PERMITTED = ["pin.test"]


class NotHere(Exception):
    """This cannot be played on this client; says why."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One credential, as it is served and as it is predicted."""

    label: str
    chain: Chain
    key: _core.KeyPair
    real_key: bool
    """Served with the real key of the server, not with a stand-in."""

    def own_pin(self, of: Literal["spki", "certificate"]) -> str:
        """On its own leaf, in base64."""
        leaf = self.chain.leaf
        return (_core.Pin.of_key(self.key) if of == "spki" else _core.Pin.of_certificate(leaf)).base64


class Cast(Mint):
    """The credentials and stores of a plan under labels of their own; everything else as in a drill."""

    def __init__(self, keyring: Keyring, host: str = HOST) -> None:
        """`host`: another name than that of drills is for clients whose pins are compiled in for it."""
        super().__init__(keyring)
        self.host = host
        self._private = dict(_private_keys(keyring))
        self._acts: dict[str, Act] = {}
        now = int(time.time())
        self._validity = (now + _LEAF[0], now + _LEAF[1])
        authorities = (now + _AUTHORITIES[0], now + _AUTHORITIES[1])
        self._mirror = Mirror(self._stand_in, authorities, [*_PERMITTED, host])
        self._leaf_digests: dict[str, str] = {}

    @property
    def stands_for(self) -> Mapping[str, str]:
        """Hex digest of a real key or certificate -> of what is served for it; whole when every act is made."""
        return {**self._mirror.stands_for, **self._leaf_digests}

    @property
    def acts(self) -> Sequence[Act]:
        return tuple(self._acts.values())

    def act(self, server: ServedChain, name: str) -> Act:
        """The server's chain for the host that is rehearsed: real keys where they are, else others of the same type."""
        key = self._mirror.key(server.key)
        chain = self._mirror.issue(
            name, key, [self.host], self._validity, issuer=server.issuer, issuers=server.issuers, trust=server.trust
        )
        if server.leaf is not None:
            of_real = _core.Pin.of_certificate(server.leaf).hex
            self._leaf_digests[of_real] = _core.Pin.of_certificate(chain.leaf).hex
        act = Act(
            label=f"act-{len(self._acts) + 1}",
            chain=replace(chain, stands_for={}),
            key=key,
            real_key=server.key.spki in self._private,
        )
        self._acts[act.label] = act
        return act

    def credential(self, served: Served) -> _core.Credential:
        act = self._acts.get(served.key)
        if act is None:
            return super().credential(served)
        return self._once(("act", act.label), lambda: _core.Credential(act.key, list(act.chain.certificates)))

    def trust(self, roots: tuple[str, ...]) -> list[_core.Certificate]:
        if roots and roots[0] in self._acts:
            return list(self._acts[roots[0]].chain.trust.certificates)
        return super().trust(roots)

    def _stand_in(self, public: _core.KeyPair) -> _core.KeyPair:
        here = self._private.get(public.spki)
        if here is not None:
            return here
        try:
            return _core.KeyPair.generate(public.type_name.lower())
        except CoreError as error:
            raise NotHere(f"no stand-in for a key of the type {public.type_name}: {error}") from error


def _private_keys(keyring: Keyring) -> Iterator[tuple[bytes, _core.KeyPair]]:
    for label in keyring.labels() if keyring.directory else ():
        key = keyring.key(label)
        if key.has_private:
            yield key.spki, key


# --- pins ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ToldPins:
    """The pins of one file as a client can be told them; `values` None: it is told not to pin."""

    file: PinFile
    """Its rules that are in force, on what is served."""
    values: tuple[str, ...] | None
    of: Literal["spki", "certificate"] = "spki"


def in_force(pin_file: PinFile, host: str, at: Instant) -> PinFile:
    """What holds for the plan's host at the time of the step: for any host, and without an end."""
    if pin_file.crash:
        raise NotHere(f"the app does not start with this file: {pin_file.crash}")
    rules = [rule for rule in rules_for(pin_file, host) if not is_off(rule, as_datetime(at))]
    return replace(pin_file, rules=tuple(replace(rule, domain="", expires=None) for rule in rules))


def told(pin_file: PinFile, host: str, stands_for: Mapping[str, str], at: Instant) -> ToldPins:
    """As values, on stand-ins."""
    file = translated(in_force(pin_file, host, at), stands_for)
    binding = [rule for rule in file.rules if binds(file, rule) and (rule.all_pins or rule.lockout)]
    if not binding:
        return ToldPins(file=file, values=None)
    kinds = {rule.of for rule in binding}
    if any(rule.position == "leaf-and-ca" for rule in binding) or len(kinds) > 1:
        raise NotHere("a client cannot be told two lists of pins of which both must match")
    pins = [pin for rule in binding for pin in rule.pins]
    if any(pin.algorithm != "sha256" for pin in pins):
        raise NotHere("a client is told SHA-256 pins only")
    return ToldPins(file=file, values=tuple(dict.fromkeys(_text(pin) for pin in pins)), of=kinds.pop())


def _text(pin: DeclaredPin) -> str:
    return base64.b64encode(pin.digest).decode() if pin.digest else pin.text


def compiled(pin_file: PinFile, host: str, stands_for: Mapping[str, str], at: Instant, acts: Sequence[Act]) -> ToldPins:
    """Compiled in, so that no pin can be put on a stand-in: only where it makes no difference can this be played."""
    real, now = in_force(pin_file, host, at), int(time.time())
    moved = translated(real, stands_for)
    for act in acts:
        if state_at(real, act.chain, host, now).status is not state_at(moved, act.chain, host, now).status:
            raise NotHere(
                "it depends on a pinned key of which the private half is not in --keyring, and pins that are compiled "
                "in cannot be put on a stand-in"
            )
    return ToldPins(file=real, values=None)


def predicted(pins: ToldPins, act: Act, host: str, now: Instant) -> State:
    """As the file's platform does it."""
    return state_at(pins.file, act.chain, host, now)


def declared(pins: ToldPins, act: Act, semantics: Semantics, host: str, now: Instant) -> State:
    """As this client says that it does it, when it is told the same pins."""
    rules = tuple(
        replace(
            rule,
            position="leaf" if semantics.position == "leaf" else "any",
            mode=semantics.mode,
            check_host=semantics.host,
        )
        for rule in pins.file.rules
    )
    file = PinFile(path=pins.file.path, format=KEYRING, rules=rules)
    return state_at(file, act.chain, host, now)
