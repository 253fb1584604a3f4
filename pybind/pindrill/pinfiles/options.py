"""curl, wget and git: `--pinnedpubkey` in scripts, .curlrc and .wgetrc, `http.pinnedPubkey` in git's configuration."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import chain, islice

from pindrill.pinfiles import digests
from pindrill.pinfiles.gitconfig import Use, git_host, git_uses, has_git, url_host
from pindrill.pinfiles.model import DeclaredPin, PinFile, PinFormat, PinRule
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.rules import Notes
from pindrill.pinfiles.source import Source

_OPTION = "--pinnedpubkey"
_PREFIX = "sha256//"
_NEVER = "this pin never matches"
_AS_TEXT = "the text is compared as it stands: this pin never matches"
_TEXT = PinReading(decode=digests.compared_as_text, prefixes=(_PREFIX,), undecodable=_AS_TEXT, wrong_length=_AS_TEXT)
_BYTES = PinReading(decode=digests.wget, prefixes=(_PREFIX,), undecodable=_NEVER, wrong_length=_NEVER)
_READINGS = {PinFormat.CURL: _TEXT, PinFormat.GIT: _TEXT, PinFormat.WGET: _BYTES}
_LOCK_OUT = "no server's key can match: every connection is refused"
_UNSAFE = {
    PinFormat.CURL: re.compile(r"--insecure|-[sSfLgivN]*k[sSfLgivN]*"),
    PinFormat.WGET: re.compile(r"--no-check-certificate|--check-certificate=off"),
}
_WITH_VALIDATION = {
    PinFormat.CURL: "remove -k and --insecure",
    PinFormat.WGET: "remove --no-check-certificate",
    PinFormat.GIT: "remove sslVerify = false",
}
_NAMED = re.compile(r"(?i)--pinnedpubkey|\bhttp\.\S{0,300}pinnedpubkey")
_VARIABLE = re.compile(r"\$[({A-Za-z_0-9@*]|`")
_MAX_COMMAND = 1 << 16
_MAX_USES = 1000
_SEPARATORS = frozenset({";", "|", "||", "&", "&&"})
_CURLRC = re.compile(r"\s*-{0,2}pinnedpubkey(?=[=:\s])")
_INSECURE = re.compile(r"(?m)^[^\S\n]*-{0,2}(?:insecure|k|check_certificate[^\S\n]*=[^\S\n]*off)\b")


def has_option(text: str) -> bool:
    return _OPTION in text or bool(re.search(r"(?m)^[^\S\n]*pinnedpubkey\b", text)) or has_git(text)


def read_options(source: Source) -> list[PinFile]:
    """A file for each tool that is told pins in it."""
    text = source.text()
    notes = Notes(source.path)
    found = chain(git_uses(text, notes), _in_rc_file(text, source.path), _in_commands(text, notes))
    uses = list(islice(found, _MAX_USES + 1))
    if len(uses) > _MAX_USES:
        raise source.refuse(1, f"more than {_MAX_USES} pinned commands", "give the part that has the pins")
    files: list[PinFile] = []
    for tool in (PinFormat.CURL, PinFormat.WGET, PinFormat.GIT):
        own = Notes(source.path)
        rules = tuple(_rule(use, own) for use in uses if use.tool == tool)
        if rules:
            own.findings += [finding for finding in notes.findings if not files]
            broken = next((finding.message for finding in own.findings if finding.rule == "structure"), "")
            files.append(PinFile(path=source.path, format=tool, rules=rules, findings=own.done(), crash=broken))
    if not files and notes.findings:
        files.append(PinFile(path=source.path, format=PinFormat.GIT, rules=(), findings=notes.done()))
    if not files:
        raise source.refuse(1, f"no {_OPTION} with a value in it", "give the script or configuration that has it")
    return files


def split_pins(value: str) -> list[str]:
    """As curl does: a new pin begins only at `;sha256//`."""
    first, *others = value.split(";" + _PREFIX)
    return [first, *(_PREFIX + other for other in others)]


def _rule(use: Use, notes: Notes) -> PinRule:
    pins: list[DeclaredPin] = []
    lockout = ""
    if not use.value.startswith(_PREFIX):
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
            fix=_WITH_VALIDATION[use.tool],
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
    body = text.removeprefix(_PREFIX)
    if ";" in body or "," in body or (use.tool is not PinFormat.WGET and body != body.strip()):
        notes.add(
            "pin-separator",
            use.line,
            f"'{text[:80]}' runs on behind its digest",
            effect=f"{use.tool} parts pins only at ';{_PREFIX}': the rest belongs to this pin, which never matches",
            fix=f"write '{_PREFIX}A;{_PREFIX}B', without a space, a comma or a last semicolon",
        )
        return DeclaredPin(text=text, digest=None, line=use.line)
    return read_pin(text, use.line, _READINGS[use.tool], notes).pin


def _read_as_file(use: Use, notes: Notes) -> str:
    """Everything that does not begin with sha256// names a file with a key."""
    if re.match(r"(?i)sha-?256[/:=]|[A-Za-z0-9+/]{43}=$|pin-sha256", use.value) or not use.value:
        notes.add(
            "pin-prefix",
            use.line,
            f"'{use.value[:60]}' does not begin with {_PREFIX}",
            effect=f"{use.tool} takes it for the name of a key file, which is not there: {_LOCK_OUT}",
            fix=f"write {_PREFIX} before each digest",
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


def _in_commands(text: str, notes: Notes) -> Iterator[Use]:
    for line, words in _commands(text):
        at = next((index for index, word in enumerate(words) if word.startswith(_OPTION)), None)
        git = next((word for word in words if re.match(r"(?i)http\.(\S+\.)?pinnedpubkey=?", word)), None)
        tool = _tool(words)
        if at is None and git is None:
            continue
        if tool is PinFormat.GIT and git is not None:
            use = _git_use(words, git, line, notes)
            yield from [use] if use else []
            continue
        if at is None or tool is PinFormat.GIT:
            continue
        _, equals, joined = words[at].partition("=")
        value = joined if equals else (words[at + 1] if at + 1 < len(words) else "")
        if _VARIABLE.search(value):
            notes.add(
                "unread",
                line,
                f"{_OPTION} with the value of a variable",
                effect="it is made when the script runs: not read, not checked",
                fix="look at it by hand",
            )
            continue
        _note_cut(words, at, value, line, notes)
        validates = not any(_UNSAFE[tool].fullmatch(word) for word in words)
        yield from (Use(tool, value, line, host, validates) for host in _hosts(words, line, notes))


def _note_cut(words: list[str], at: int, value: str, line: int, notes: Notes) -> None:
    """An unquoted semicolon ends the command."""
    following = at + (1 if "=" in words[at] else 2)
    if words[following : following + 1] == [";"] and any(word.startswith(_PREFIX) for word in words[following + 1 :]):
        notes.add(
            "pin-separator",
            line,
            "the semicolon between pins is not quoted",
            effect="the shell ends the command there: only the first pin counts, the options behind it are lost",
            fix=f"quote the value: '{value[:52]};…'",
        )


def _tool(words: list[str]) -> PinFormat:
    names = {word.rsplit("/", 1)[-1] for word in words}
    if "git" in names and "curl" not in names:
        return PinFormat.GIT
    return PinFormat.WGET if "wget" in names and "curl" not in names else PinFormat.CURL


def _git_use(words: list[str], found: str, line: int, notes: Notes) -> Use | None:
    key, equals, joined = found.partition("=")
    at = words.index(found)
    value = joined if equals else (words[at + 1] if at + 1 < len(words) else "")
    url = key[len("http.") : -len(".pinnedpubkey")] if key.lower().count(".") > 1 else ""
    host = git_host(url, line, notes)
    validates = not any("sslverify=false" in word.lower() for word in words)
    return None if host is None else Use(PinFormat.GIT, value, line, host, validates)


def _commands(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each command that has the option, as words, with the line of the option."""
    line = 1
    for logical in re.split(r"(?<!\\)\n", text):
        if _NAMED.search(logical) and len(logical) <= _MAX_COMMAND:
            words = _words(logical.replace("\\\n", " "))
            at = line + logical[: logical.lower().find("pinned")].count("\n")
            yield from ((at, command) for command in _parted(words))
        line += logical.count("\n") + 1


def _words(command: str) -> list[str]:
    """As a shell parts them; a quote that is never closed is closed at the end of the line."""
    for attempt in (command, command + "'", command + '"'):
        lexer = shlex.shlex(attempt, posix=True, punctuation_chars=";|&")
        lexer.whitespace_split = True
        try:
            return list(lexer)
        except ValueError:
            continue
    return command.split()


def _parted(words: list[str]) -> Iterator[list[str]]:
    """The commands on a line; one that an unquoted semicolon before another pin cuts short is kept whole."""
    command: list[str] = []
    for at, word in enumerate(words):
        cuts_a_pin = any(following.startswith(_PREFIX) for following in words[at + 1 : at + 2])
        if word in _SEPARATORS and not cuts_a_pin:
            yield command
            command = []
        else:
            command.append(word)
    yield command


def _hosts(words: list[str], line: int, notes: Notes) -> list[str]:
    """Of the addresses on the command; an empty one, for whatever it is sent to, where none stands there."""
    addresses = [word for word in words if word.startswith(("https://", "ftps://", "http://"))]
    hosts = {address: url_host(address) for address in addresses}
    for address in (address for address, host in hosts.items() if not host and not _VARIABLE.search(address)):
        notes.add(
            "unread",
            line,
            f"the address '{address[:80]}'",
            effect="the tool makes hosts of it when it runs: not read, not checked",
            fix="write one plain address for each host",
        )
    known = [host for host in hosts.values() if host]
    whatever = not addresses or any(not host and _VARIABLE.search(address) for address, host in hosts.items())
    return list(dict.fromkeys([*known, *([""] if whatever else [])]))


def _in_rc_file(text: str, path: str) -> Iterator[Use]:
    tool = PinFormat.WGET if "wgetrc" in path else PinFormat.CURL
    if has_git(text):
        return
    insecure = bool(_INSECURE.search(text))
    for number, line in enumerate(text.split("\n"), start=1):
        found = _CURLRC.match(line) if _OPTION + " " not in line else None
        if found:
            yield Use(tool, _setting(line[found.end() :]), number, "", not insecure)


def _setting(text: str) -> str:
    """What stands behind a name: parted from it by a space, `=` or `:`, in quotes or not."""
    value = text.strip()
    value = value[1:].lstrip() if value.startswith(("=", ":")) else value
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value
