"""Host names as they are compared: what a connection's host looks like, and why a written name is never one.

Each reader keeps a name in the form in which its platform compares it, so that comparing texts is the whole match.
"""

from __future__ import annotations

import ipaddress
import re
import stringprep
import unicodedata
from urllib.parse import urlsplit

MAX_NAME = 253
_MAX_ADDRESS = 4096
_MAX_LABEL = 255
"""As written. What is longer is left alone: making it small and ordering its marks takes ever longer."""
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_FULL_STOPS = str.maketrans("\u3002\uff0e\uff61", "...")
"""What IDNA takes for a dot beside it, RFC 3490 section 3.1."""
_DEVIATIONS = frozenset("\u00df\u03c2\u200c\u200d")
"""Letters that IDNA 2003 and 2008 write differently: which host is meant depends on the client."""


def is_address(name: str) -> bool:
    return _address(name) is not None


def to_ascii(name: str) -> str:
    """As a URL's host goes over the wire: small letters, xn--, an IPv6 address in its shortest form without brackets.

    A name that has no such form comes back as it is, not in ASCII: no connection has it.
    """
    address = _address(name) if len(name) <= MAX_NAME else None
    if address is not None:
        return address.compressed
    return ".".join(_label(label) for label in name.translate(_FULL_STOPS).split("."))


def canonical(host: str) -> str:
    """As certificates have it: without the dot that makes a name absolute."""
    return to_ascii(host).removesuffix(".")


def why_no_host(name: str) -> str:
    """Why no connection's host is written like this, as a clause; empty: it is a plain host name or address."""
    if not name:
        return "it is empty"
    if not name.isascii():
        return "the host of a connection is in ASCII, xn--…"
    if "*" in name:
        return "a star stands for nothing here"
    if name.endswith("."):
        return "the host of a connection is compared without a dot at its end"
    if name != name.lower():
        return "the host of a connection is in small letters, and this is compared letter by letter"
    address = _address(name)
    if address is not None:
        return "" if address.compressed == name else f"the address is compared as text, as {address.compressed}"
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        return "a host name stands alone: no scheme, port, path or space, and no empty or overlong label"
    return ""


def is_plain(name: str) -> bool:
    return not why_no_host(name)


def meant(name: str) -> str:
    """The host that somebody who wrote this probably wants; empty: it cannot be guessed."""
    text = name.strip()
    host = to_ascii(host_of(text if "://" in text else f"//{text}")).strip(". \t\u00a0")
    return host if is_plain(host) else ""


def host_of(address: str) -> str:
    """Of a URL, as it is written; empty: it has none."""
    if len(address) > _MAX_ADDRESS:
        return ""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    inner = name[1:-1] if name.startswith("[") and name.endswith("]") and ":" in name else name
    try:
        return ipaddress.ip_address(inner)
    except ValueError:
        return None


def _label(label: str) -> str:
    if label.isascii():
        return label.lower()
    if len(label) > _MAX_LABEL:
        return label
    kept = "".join(letter for letter in label if letter in _DEVIATIONS or not stringprep.in_table_b1(letter))
    mapped = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", kept).lower())
    if mapped.isascii():
        return mapped
    if _DEVIATIONS & set(mapped) or mapped.startswith("xn--") or len(mapped) > 63:
        return mapped
    return "xn--" + mapped.encode("punycode").decode("ascii")
