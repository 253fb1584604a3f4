"""Host names as they stand in pin files."""

from __future__ import annotations

import ipaddress
import re
from functools import cache

from publicsuffixlist import PublicSuffixList

from pindrill.pinfiles.rules import Notes

_NAME = re.compile(
    r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?"
)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def has_public_suffix(name: str) -> bool:
    """False for .test, .internal, single labels and addresses."""
    return not is_address(name) and _suffixes().publicsuffix(name.lower()) is not None


def is_plain(domain: str) -> bool:
    return bool(_NAME.fullmatch(domain)) or is_address(domain)


def note_form(domain: str, line: int, notes: Notes, *, wildcard_fix: str) -> None:
    """A scheme, port, path or star makes a name that no connection has."""
    if is_plain(domain):
        return
    shown = domain if len(domain) <= 80 else domain[:77] + "…"
    fix = wildcard_fix if "*" in domain else "write the host name alone, without scheme, port and path"
    if not domain.isascii():
        fix = "write the name as it goes over the wire (xn--…)"
    notes.add(
        "domain-form",
        line,
        f"'{shown}' is not a plain host name",
        effect="no connection has this name: the host that is meant is not pinned",
        fix=fix,
    )


def is_registrable(name: str) -> bool:
    """A public suffix and one label: the name that people mean with everything below it."""
    return has_public_suffix(name) and _suffixes().privatesuffix(name.lower()) == name.lower()
