"""The tools that take pins as an option, and one use of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pindrill.pinfiles import digests
from pindrill.pinfiles.pin_text import PinReading
from pindrill.pinfiles.rules import error

OPTION = "--pinnedpubkey"
PREFIX = "sha256//"
RULES = (error("pin-separator", "pins are parted in a way that the tool does not part them"),)
_NEVER = "this pin never matches"
_AS_TEXT = "the text is compared as it stands: this pin never matches"
_TEXT = PinReading(decode=digests.compared_as_text, prefixes=(PREFIX,), undecodable=_AS_TEXT, wrong_length=_AS_TEXT)
_BYTES = PinReading(decode=digests.wget, prefixes=(PREFIX,), undecodable=_NEVER, wrong_length=_NEVER)


@dataclass(frozen=True, kw_only=True)
class PinningTool:
    name: str
    reading: PinReading
    takes_space: bool = False
    """White space around a digest is none of its business."""
    unsafe: re.Pattern[str] | None = None
    """The words on its command that switch validation off."""
    with_validation: str
    """How to switch it on again."""


CURL = PinningTool(
    name="curl",
    reading=_TEXT,
    unsafe=re.compile(r"--insecure|-[sSfLgivN]*k[sSfLgivN]*"),
    with_validation="remove -k and --insecure",
)
WGET = PinningTool(
    name="wget",
    reading=_BYTES,
    takes_space=True,
    unsafe=re.compile(r"--no-check-certificate|--check-certificate=off"),
    with_validation="remove --no-check-certificate",
)
GIT = PinningTool(name="git", reading=_TEXT, with_validation="remove sslVerify = false")
TOOLS = (CURL, WGET, GIT)


@dataclass(frozen=True)
class Use:
    """One option with its value, and the command that it stands in."""

    tool: PinningTool
    value: str
    line: int
    host: str
    validates: bool
