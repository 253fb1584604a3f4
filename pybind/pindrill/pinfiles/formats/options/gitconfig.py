"""git's configuration: `http.pinnedPubkey`, for all hosts or for those of one address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pindrill.pinfiles.formats.options.tools import GIT, PREFIX, Use
from pindrill.pinfiles.names import host_of, meant, to_ascii
from pindrill.pinfiles.rules import Notes

_SECTION = re.compile(r"""^\s*\[\s*http(?:\s+"(?P<url>(?:\\.|[^"\\])*)")?\s*\]\s*(?P<rest>.*)$""", re.IGNORECASE)
_ANY_SECTION = re.compile(r"^\s*\[")
_GIT_KEY = re.compile(r"^\s*(?P<key>[A-Za-z][A-Za-z0-9-]*)\s*(?:=(?P<value>.*))?$")
_KEY = re.compile(r"(?i)pinnedpubkey\s*=")
_HTTP = re.compile(r"(?mi)^[^\S\n]*\[[^\S\n]*http[\s\]]")
_DOTTED_KEY = re.compile(r"(?i)\bhttp\.(\S{1,300}\.)?pinnedpubkey\b")
_GIT_FALSE = ("false", "no", "off", "0")


def has_git(text: str) -> bool:
    return bool(_KEY.search(text) and _HTTP.search(text)) or bool(_DOTTED_KEY.search(text))


def git_uses(text: str, notes: Notes) -> Iterator[Use]:
    """An unquoted semicolon or number sign starts a comment."""
    url: str | None = None
    values: dict[str, tuple[str, int]] = {}
    sections: list[tuple[str, Mapping[str, tuple[str, int]]]] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw
        section = _SECTION.match(line)
        if section or _ANY_SECTION.match(line):
            url = (section["url"] or "") if section else None
            line = section["rest"] if section else ""
            values = {}
            if section:
                sections.append((url or "", values))
        found = _GIT_KEY.match(line) if url is not None else None
        if found:
            value = _git_value(found["value"] or "", number, notes, key=found["key"].lower())
            values[found["key"].lower()] = (value, number)
    off = {address for address, keys in sections if keys.get("sslverify", ("", 0))[0].lower() in _GIT_FALSE}
    for address, keys in sections:
        if "pinnedpubkey" in keys:
            value, number = keys["pinnedpubkey"]
            host = git_host(address, number, notes)
            if host is not None:
                yield Use(GIT, value, number, host, not ({address, ""} & off))


_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\", "": ""}


def _note_escape(escaped: str, line: int, notes: Notes) -> None:
    notes.add(
        "structure",
        line,
        f"\\{escaped} is no escape in git's configuration",
        effect="git refuses the whole file: every command that reads it fails",
        fix="put the value into double quotes, without the backslash",
    )


def _git_value(text: str, line: int, notes: Notes, *, key: str) -> str:
    value, quoted = "", False
    characters = iter(text)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            value += _ESCAPES.get(escaped, "")
            if escaped not in _ESCAPES:
                _note_escape(escaped, line, notes)
        elif character == '"':
            quoted = not quoted
        elif character in ";#" and not quoted:
            if key == "pinnedpubkey" and PREFIX in "".join(characters):
                notes.add(
                    "pin-separator",
                    line,
                    "the semicolon between pins is not quoted",
                    effect="it starts a comment in git's configuration: only the first pin counts",
                    fix="put the whole value into double quotes",
                )
            break
        else:
            value += character
    return value.strip()


_ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^/?#@]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._*-]+)(?::(?P<port>[0-9]*))?(?P<path>/[^?#]*)?",
    re.ASCII,
)


def git_host(address: str, line: int, notes: Notes) -> str | None:
    """The host of `http.<address>.…`, `*.` before it for one label; empty for all; None when it means no TLS server, or
    cannot be said here. git's urlmatch.c: without case, last dots taken off both sides, a star is one label."""
    if not address:
        return ""
    found = _ADDRESS.fullmatch(address)
    host = (found["host"].lower().removesuffix(".") if found else "").removeprefix("[").removesuffix("]")
    name = host.removeprefix("*.")
    if found is None or found["scheme"].lower() != "https" or not all(name.split(".")):
        wanted = meant(address)
        notes.add(
            "domain-form",
            line,
            f"'{address[:80]}' is no https:// address of a host",
            effect="git takes no notice of what stands under it: nothing is pinned by it",
            fix=f"write https://{wanted}/" if wanted else "write https://HOST/",
        )
        return None
    if "*" in name:
        notes.add(
            "unread",
            line,
            f"the address '{address[:80]}' with a star elsewhere than in front",
            effect="git takes it for any one label there: not read, not checked",
            fix="write an entry for each host",
        )
        return None
    _note_part(found, line, notes)
    return ("*." if host != name else "") + to_ascii(name)


def _note_part(found: re.Match[str], line: int, notes: Notes) -> None:
    parts = {
        f"port {found['port']}": found["port"] not in (None, "", "443"),
        f"paths under {(found['path'] or '')[:60]}": (found["path"] or "/") != "/",
        f"the user {(found['user'] or '')[:60]}": bool(found["user"]),
    }
    for part in (part for part, narrower in parts.items() if narrower):
        notes.add(
            "hole",
            line,
            f"the pins for {found['host'][:80]} hold for {part} only",
            effect="other addresses of this host are not pinned",
            fix="write https://HOST/ alone, if they are meant too",
        )


def url_host(url: str) -> str:
    """Of an address on a command line; empty: it has none that can be read here."""
    host = to_ascii(host_of(url)).removesuffix(".")
    return host if re.fullmatch(r"[A-Za-z0-9_.:-]+", host) else ""
