"""What is wrong with a pin as it is written: said with what the platform makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pindrill.pinfiles import digests
from pindrill.pinfiles.model import DIGEST_OF_NOTHING, DeclaredPin
from pindrill.pinfiles.rules import Notes

_PREFIX = re.compile(r"""(?ix) ^ (sha-?256 //? | sha1 //? | sha-?256: | pin-sha256 ="? )""")
_OWN_SLASH = re.compile(r"sha(256|1)//")
"""curl's prefix: where one slash is due, the second becomes part of the digest."""
_SAME_CHARACTER = re.compile(r"(.)\1{38,}=?")
_PLACEHOLDER = re.compile(
    r"(?i)(your|insert|replace|todo|change[_-]?me|placeholder|example|dummy|pin[_-]|hash|base64|backup|current|spki|<|\$\{|xxxx)"
)
_TEXT = re.compile(rb"[\x20-\x7e]+")
"""Of twenty bytes or more: by chance not one digest in a hundred million is all printable."""
_NO_PIN_BUT = "make it with `pindrill pins of CERTIFICATE`"


@dataclass(frozen=True, kw_only=True)
class PinReading:
    """How one format reads a pin: what it takes in front, how it decodes, what becomes of one that it cannot use."""

    decode: Callable[[str], bytes | None]
    prefixes: tuple[str, ...] = ()
    """Those that it takes and needs; none: a bare digest."""
    undecodable: str
    """What the platform does with a text that does not decode."""
    wrong_length: str
    crashes_undecodable: bool = False
    crashes_wrong_length: bool = False
    size: int = 32


@dataclass(frozen=True, kw_only=True)
class Read:
    pin: DeclaredPin
    crash: str = ""


def read_pin(text: str, line: int, reading: PinReading, notes: Notes, *, algorithm: str = "sha256") -> Read:
    """The pin, with what is wrong noted; the digest is what the platform makes of the text after the prefix."""
    prefix = next((each for each in reading.prefixes if text.startswith(each)), "")
    body = text.removeprefix(prefix)
    digest = reading.decode(body)
    pin = DeclaredPin(text=text, digest=digest, algorithm=algorithm, line=line)
    size = 20 if algorithm == "sha1" else reading.size
    shown = text if len(text) <= 60 else text[:57] + "…"
    if digest is None or len(digest) != size:
        undecodable = digest is None
        effect = reading.undecodable if undecodable else reading.wrong_length
        _note_unusable(shown, body, digest, size, line, effect, reading, notes)
        crashes = reading.crashes_undecodable if undecodable else reading.crashes_wrong_length
        return Read(pin=pin, crash=f"the pin '{shown}' on line {line} is none" if crashes else "")
    if digest == DIGEST_OF_NOTHING:
        notes.add(
            "digest-of-nothing",
            line,
            f"'{shown}' is the SHA-256 of empty input",
            effect="no key has this digest: it never matches",
            fix=f"the command that made it read an empty file; {_NO_PIN_BUT}",
        )
    elif _is_placeholder(body, digest):
        notes.add(
            "placeholder",
            line,
            f"'{shown}' stands where a pin is to be",
            effect="no key has this digest: it never matches",
            fix=f"put the real pin there; {_NO_PIN_BUT}",
        )
    elif _TEXT.fullmatch(digest):
        notes.add(
            "digest-is-text",
            line,
            f"'{shown}' is the text '{digest.decode()}', encoded once more",
            effect="no key has this digest: it never matches",
            fix=f"encode the bytes of a digest, not its characters; {_NO_PIN_BUT}",
        )
    return Read(pin=pin)


def _note_unusable(
    shown: str, body: str, digest: bytes | None, size: int, line: int, effect: str, reading: PinReading, notes: Notes
) -> None:
    prefix = _PREFIX.match(body) or (_OWN_SLASH.match(shown) if digest and len(digest) == size + 1 else None)
    if _PLACEHOLDER.search(body):
        notes.add(
            "placeholder",
            line,
            f"'{shown}' stands where a pin is to be",
            effect=effect,
            fix=f"put the real pin there; {_NO_PIN_BUT}",
        )
    elif prefix:
        wanted = f"write {reading.prefixes[0]} before the digest" if reading.prefixes else "write the bare digest"
        notes.add("pin-prefix", line, f"'{shown}': '{prefix[0]}' is not taken here", effect=effect, fix=wanted)
    elif digest is None:
        notes.add(
            "pin-encoding", line, f"'{shown}' does not decode", effect=effect, fix=f"write it again; {_NO_PIN_BUT}"
        )
    else:
        hexadecimal = digests.hexadecimal(body)
        hint = "it is hex, write base64; " if hexadecimal and len(hexadecimal) in (20, 32) else ""
        notes.add(
            "pin-length",
            line,
            f"'{shown}' decodes to {len(digest)} bytes, a digest has {size}",
            effect=effect,
            fix=f"{hint}{_NO_PIN_BUT}",
        )


def _is_placeholder(body: str, digest: bytes) -> bool:
    return len(set(digest)) == 1 or bool(_SAME_CHARACTER.fullmatch(body.strip("=")))
