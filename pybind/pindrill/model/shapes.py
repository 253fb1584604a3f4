"""What may be told of a request line: words stay, what looks like a value is told by its length alone.

Linear in the length of what comes, which is hostile; said twice, it stays the same.
"""

from __future__ import annotations

import re

_SEGMENTS = 24
"""So many parts of a path are told one by one; the rest is one value."""
_LONGEST_WORD = 40
_MOST_PIECES = 5
_SHORT = 8
"""Letters; a shorter word is not asked whether it reads like one."""
_LONG = 12
_READS, _LONG_READS = 0.8, 0.9
"""The share of pairs of letters that words are made of, below which letters are no word; of many letters more."""
_MARK = re.compile(r"<\d+ chars?>|<secret>|<redacted>|<method>")
_SECRET = "<secret>"  # noqa: S105
_HTTP = re.compile(r"HTTP/\d\.\d")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,255}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")
_PIECE = re.compile(r"[a-z]{1,16}")
_NUMBERED = re.compile(r"v\d{1,3}|oauth[12]|mp[34]|ipv[46]|s3|h[23]")
_ENDING = re.compile(r"\.(?:html?|css|m?js|json|xml|txt|php|aspx?|png|jpe?g|gif|svg|ico|webp|pdf|woff2?)\Z")
_HEX = re.compile(r"[a-f]{6,}")
_AFTER = {
    "a": "bcdfgiklmnprstuvwy", "b": "aeilorsuy", "c": "acehiklorstuy", "d": "adegiorsu",
    "e": "acdefgilmnoprstuvwxy", "f": "aefilortu", "g": "aehilnorstu", "h": "aeiortu", "i": "abcdefglmnoprstvxz",
    "j": "aeou", "k": "eimns", "l": "abdefiklostuvy", "m": "abeimopsuy", "n": "acdefgiklnopstuv",
    "o": "abcdfgiklmnoprstuvwy", "p": "aehiloprstu", "q": "u", "r": "acdegiklmnoprstuvy", "s": "acehiklmopstuwy",
    "t": "acehilorstuwy", "u": "abcdegilmnprst", "v": "aeio", "w": "aehinors", "x": "pt", "y": "eos", "z": "e",
}  # fmt: skip
"""By the first, the second letters of pairs that are common in English words."""


def told_request_line(line: str) -> str:
    """`POST /login/<28 chars>?<redacted> HTTP/1.1`. The line may be cut."""
    method, space, rest = line.partition(" ")
    target, between, version = rest.rpartition(" ")
    if not _HTTP.fullmatch(version):
        target, between, version = rest, "", ""
    told = method if not method or _marked(method) or is_word(method.lower()) else "<method>"
    return f"{told}{space}{_told_target(method, target)}{between}{version}"


def shape(text: str) -> str:
    return f"<{len(text)} char{'s' if len(text) != 1 else ''}>"


def is_word(text: str) -> bool:
    """Short, lower-case, and made of what words are made of; a version counts as one."""
    if not 0 < len(text) <= _LONGEST_WORD or not text.isascii():
        return False
    pieces = re.split(r"[._-]", _ENDING.sub("", text).removeprefix(".").removeprefix("_"))
    if len(pieces) > _MOST_PIECES:
        return False
    letters = []
    for number, piece in enumerate(pieces):
        after_version = number and _NUMBERED.fullmatch(pieces[number - 1])
        if _NUMBERED.fullmatch(piece) or (after_version and re.fullmatch(r"\d{1,2}", piece)):
            continue
        if not _PIECE.fullmatch(piece) or _HEX.fullmatch(piece):
            return False
        letters.append(piece)
    return _reads(letters)


def _reads(pieces: list[str]) -> bool:
    letters = sum(map(len, pieces))
    if letters < _SHORT:
        return True
    pairs = [piece[place : place + 2] for piece in pieces for place in range(len(piece) - 1)]
    known = sum(pair[1] in _AFTER.get(pair[0], "") for pair in pairs)
    return bool(pairs) and known >= len(pairs) * (_LONG_READS if letters >= _LONG else _READS)


def _told_target(method: str, target: str) -> str:
    path, query, _ = target.partition("?")
    if method.upper() == "CONNECT":
        return _told_host(path)
    start = ""
    scheme, absolute, after = path.partition("://")
    if absolute and is_word(scheme):
        authority, slash, tail = after.partition("/")
        start, path = f"{scheme}://{_told_host(authority)}", slash + tail
    return start + _told_path(path) + ("?<redacted>" if query else "")


def _told_host(authority: str) -> str:
    user, at, host = authority.rpartition("@")
    told = host if _marked(host) or _HOST.fullmatch(host) else shape(host)
    return f"{user if _marked(user) else shape(user)}@{told}" if at else told


def _told_path(path: str) -> str:
    segments = path.split("/", _SEGMENTS)
    return "/".join(map(_told_segment, segments))


def _told_segment(segment: str) -> str:
    return _SECRET.join(
        part if part in ("", "*") or _marked(part) or is_word(part) else shape(part) for part in segment.split(_SECRET)
    )


def _marked(text: str) -> bool:
    """Told already, or ours."""
    return bool(_MARK.fullmatch(text))
