"""Host names as they stand in pin files, and those that are asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from publicsuffixlist import PublicSuffixList

from pindrill.model import UsageError
from pindrill.pinfiles.model import PinRule
from pindrill.pinfiles.names import MAX_NAME, canonical, is_address, is_plain, meant, to_ascii, why_no_host
from pindrill.pinfiles.pin_file import PinFile
from pindrill.pinfiles.rules import Notes

_SHOWN = 80


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


def has_public_suffix(name: str) -> bool:
    """False for .test, .internal, single labels and addresses."""
    return len(name) <= MAX_NAME and not is_address(name) and _suffixes().publicsuffix(name.lower()) is not None


def is_registrable(name: str) -> bool:
    """A public suffix and one label: the name that people mean with everything below it."""
    return has_public_suffix(name) and _suffixes().privatesuffix(name.lower()) == name.lower()


def note_form(domain: str, line: int, notes: Notes, *, wildcard_fix: str, effect: str = "") -> None:
    """Says when no connection has this name; `domain` is as the platform compares it."""
    why = why_no_host(domain)
    if not why:
        return
    notes.add(
        "domain-form",
        line,
        f"'{cut(domain)}' is the name of no connection: {why}",
        effect=effect or "it matches nothing: the host that is meant is not pinned",
        fix=wildcard_fix if "*" in domain else mend(domain),
    )


def mend(domain: str) -> str:
    host = meant(domain)
    if host and not domain.isascii():
        return f"write the name as it goes over the wire: {host}"
    if host:
        return f"write {host}"
    return "write the host name alone, as it goes over the wire, without scheme, port and path"


def cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "…"


def missed_rule(pin_file: PinFile, host: str) -> PinRule | None:
    """The rule that is meant for a host and never matches it, by the way its name is written."""
    name = canonical(host)
    for rule in pin_file.rules:
        if rule.domain and not rule.covers(pin_file.format.compared(host)) and not is_plain(rule.domain):
            wanted = meant(rule.domain.removeprefix("*."))
            if wanted and replace(rule, domain=wanted, apex=True).covers(name):
                return rule
    return None


def host_asked(text: str, option: str) -> str:
    """A host that somebody named; UsageError when it is none."""
    name = to_ascii(text.strip())
    if not is_plain(name.removesuffix(".")):
        raise UsageError(f"{option}: '{cut(text)}' is no host name; write the name alone, such as api.example.com")
    return name
