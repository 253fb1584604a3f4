"""The option on command lines: as a shell parts them, without running anything."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from pindrill.pinfiles.formats.options.gitconfig import git_host, url_host
from pindrill.pinfiles.formats.options.tools import CURL, GIT, OPTION, PREFIX, WGET, PinningTool, Use
from pindrill.pinfiles.rules import Notes

_NAMED = re.compile(r"(?i)--pinnedpubkey|\bhttp\.\S{0,300}pinnedpubkey")
_VARIABLE = re.compile(r"\$[({A-Za-z_0-9@*]|`")
_MAX_COMMAND = 1 << 16
_SEPARATORS = frozenset({";", "|", "||", "&", "&&"})


def in_commands(text: str, notes: Notes) -> Iterator[Use]:
    for line, words in _commands(text):
        at = next((index for index, word in enumerate(words) if word.startswith(OPTION)), None)
        git = next((word for word in words if re.match(r"(?i)http\.(\S+\.)?pinnedpubkey=?", word)), None)
        tool = _tool(words)
        if at is None and git is None:
            continue
        if tool is GIT and git is not None:
            use = _git_use(words, git, line, notes)
            yield from [use] if use else []
            continue
        if at is None or tool is GIT:
            continue
        _, equals, joined = words[at].partition("=")
        value = joined if equals else (words[at + 1] if at + 1 < len(words) else "")
        if _VARIABLE.search(value):
            notes.add(
                "unread",
                line,
                f"{OPTION} with the value of a variable",
                effect="it is made when the script runs: not read, not checked",
                fix="look at it by hand",
            )
            continue
        _note_cut(words, at, value, line, notes)
        validates = not any(tool.unsafe and tool.unsafe.fullmatch(word) for word in words)
        yield from (Use(tool, value, line, host, validates) for host in _hosts(words, line, notes))


def _note_cut(words: list[str], at: int, value: str, line: int, notes: Notes) -> None:
    """An unquoted semicolon ends the command."""
    following = at + (1 if "=" in words[at] else 2)
    if words[following : following + 1] == [";"] and any(word.startswith(PREFIX) for word in words[following + 1 :]):
        notes.add(
            "pin-separator",
            line,
            "the semicolon between pins is not quoted",
            effect="the shell ends the command there: only the first pin counts, the options behind it are lost",
            fix=f"quote the value: '{value[:52]};…'",
        )


def _tool(words: list[str]) -> PinningTool:
    names = {word.rsplit("/", 1)[-1] for word in words}
    if "git" in names and "curl" not in names:
        return GIT
    return WGET if "wget" in names and "curl" not in names else CURL


def _git_use(words: list[str], found: str, line: int, notes: Notes) -> Use | None:
    key, equals, joined = found.partition("=")
    at = words.index(found)
    value = joined if equals else (words[at + 1] if at + 1 < len(words) else "")
    url = key[len("http.") : -len(".pinnedpubkey")] if key.lower().count(".") > 1 else ""
    host = git_host(url, line, notes)
    validates = not any("sslverify=false" in word.lower() for word in words)
    return None if host is None else Use(GIT, value, line, host, validates)


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
        cuts_a_pin = any(following.startswith(PREFIX) for following in words[at + 1 : at + 2])
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
