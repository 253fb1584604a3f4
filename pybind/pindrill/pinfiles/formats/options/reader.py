"""Every use of the option in a text, whoever's it is, as rules of its tool."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice

from pindrill.pinfiles.formats.options.commands import in_commands
from pindrill.pinfiles.formats.options.gitconfig import git_uses, has_git
from pindrill.pinfiles.formats.options.tools import CURL, OPTION, PREFIX, RULES, TOOLS, WGET, Use
from pindrill.pinfiles.model import DeclaredPin, PinRule
from pindrill.pinfiles.pin_file import PinFile, PinFormat
from pindrill.pinfiles.pin_text import read_pin
from pindrill.pinfiles.rules import Notes
from pindrill.pinfiles.source import Source

_LOCK_OUT = "no server's key can match: every connection is refused"
_MAX_USES = 1000
_CURLRC = re.compile(r"\s*-{0,2}pinnedpubkey(?=[=:\s])")
_INSECURE = re.compile(r"(?m)^[^\S\n]*-{0,2}(?:insecure|k|check_certificate[^\S\n]*=[^\S\n]*off)\b")


def has_option(text: str) -> bool:
    return OPTION in text or bool(re.search(r"(?m)^[^\S\n]*pinnedpubkey\b", text)) or has_git(text)


def read_options(source: Source, formats: Mapping[str, PinFormat]) -> list[PinFile]:
    """A file for each tool that is told pins in it, in its format."""
    text = source.text()
    notes = Notes(source.path, RULES)
    found = chain(git_uses(text, notes), _in_rc_file(text, source.path), in_commands(text, notes))
    uses = list(islice(found, _MAX_USES + 1))
    if len(uses) > _MAX_USES:
        raise source.refuse(1, f"more than {_MAX_USES} pinned commands", "give the part that has the pins")
    files: list[PinFile] = []
    for tool in TOOLS:
        own = Notes(source.path, RULES)
        rules = tuple(_rule(use, own) for use in uses if use.tool is tool)
        if rules:
            own.findings += [finding for finding in notes.findings if not files]
            broken = next((finding.message for finding in own.findings if finding.rule == "structure"), "")
            form = formats[tool.name]
            files.append(PinFile(path=source.path, format=form, rules=rules, findings=own.done(), crash=broken))
    if not files and notes.findings:
        files.append(PinFile(path=source.path, format=formats["git"], rules=(), findings=notes.done()))
    if not files:
        raise source.refuse(1, f"no {OPTION} with a value in it", "give the script or configuration that has it")
    return files


def split_pins(value: str) -> list[str]:
    """As curl does: a new pin begins only at `;sha256//`."""
    first, *others = value.split(";" + PREFIX)
    return [first, *(PREFIX + other for other in others)]


def _rule(use: Use, notes: Notes) -> PinRule:
    pins: list[DeclaredPin] = []
    lockout = ""
    if not use.value.startswith(PREFIX):
        lockout = _read_as_file(use, notes)
    else:
        for text in split_pins(use.value):
            pins.append(_read_one(text, use, notes))
    if not use.validates:
        notes.add(
            "validation-off",
            use.line,
            "certificate validation is switched off beside the pin",
            effect="the pin alone decides: chain, name and dates are not looked at",
            fix=use.tool.with_validation,
        )
    star = use.host.startswith("*.")
    return PinRule(
        domain=use.host.removeprefix("*."),
        pins=tuple(pins),
        subdomains="one" if star else "none",
        apex=not star,
        position="leaf",
        mode="restrict" if use.validates else "replace",
        check_host=use.validates,
        lockout=lockout,
        partial=not pins and not lockout,
        line=use.line,
    )


def _read_one(text: str, use: Use, notes: Notes) -> DeclaredPin:
    body = text.removeprefix(PREFIX)
    if ";" in body or "," in body or (not use.tool.takes_space and body != body.strip()):
        notes.add(
            "pin-separator",
            use.line,
            f"'{text[:80]}' runs on behind its digest",
            effect=f"{use.tool.name} parts pins only at ';{PREFIX}': the rest belongs to this pin, which never matches",
            fix=f"write '{PREFIX}A;{PREFIX}B', without a space, a comma or a last semicolon",
        )
        return DeclaredPin(text=text, digest=None, line=use.line)
    return read_pin(text, use.line, use.tool.reading, notes).pin


def _read_as_file(use: Use, notes: Notes) -> str:
    """Everything that does not begin with sha256// names a file with a key."""
    if re.match(r"(?i)sha-?256[/:=]|[A-Za-z0-9+/]{43}=$|pin-sha256", use.value) or not use.value:
        notes.add(
            "pin-prefix",
            use.line,
            f"'{use.value[:60]}' does not begin with {PREFIX}",
            effect=f"{use.tool.name} takes it for the name of a key file, which is not there: {_LOCK_OUT}",
            fix=f"write {PREFIX} before each digest",
        )
        return f"'{use.value[:60]}' is no key file"
    notes.add(
        "unread",
        use.line,
        f"the key file '{use.value[:80]}'",
        effect="the key in it is pinned: not read, not checked",
        fix="`pindrill pins of` that file prints its pin",
    )
    return ""


def _in_rc_file(text: str, path: str) -> Iterator[Use]:
    tool = WGET if "wgetrc" in path else CURL
    if has_git(text):
        return
    insecure = bool(_INSECURE.search(text))
    for number, line in enumerate(text.split("\n"), start=1):
        found = _CURLRC.match(line) if OPTION + " " not in line else None
        if found:
            yield Use(tool, _setting(line[found.end() :]), number, "", not insecure)


def _setting(text: str) -> str:
    """What stands behind a name: parted from it by a space, `=` or `:`, in quotes or not."""
    value = text.strip()
    value = value[1:].lstrip() if value.startswith(("=", ":")) else value
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value
