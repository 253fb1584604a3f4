"""What will lock users out, leave them unpinned or hurt later: over the model, whatever the format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pindrill import _core
from pindrill.pinfiles.formats import RULES
from pindrill.pinfiles.hosts import is_registrable, missed_rule
from pindrill.pinfiles.lint_across import compare
from pindrill.pinfiles.lint_keys import note_chain, note_known_keys
from pindrill.pinfiles.model import DeclaredPin, Expiry, LintFinding, PinRule, Severity
from pindrill.pinfiles.names import host_of, is_plain
from pindrill.pinfiles.pin_file import PinFile, binds, rules_for
from pindrill.pinfiles.rules import Notes

SOON = timedelta(days=30)


def lint(
    files: Sequence[PinFile],
    at: datetime,
    *,
    soon: timedelta = SOON,
    chain: Sequence[_core.Certificate] = (),
    hosts: Sequence[str] = (),
) -> list[LintFinding]:
    """The files are of one app: they are judged each alone, and compared. `chain`: what the server shows, leaf first.
    `hosts`: names that are to be pinned."""
    found: list[LintFinding] = []
    for file in files:
        notes = Notes(file.path)
        notes.findings += file.findings
        _note_counts(file, notes)
        _note_dates(file, at, soon, notes)
        _note_coverage(file, hosts, notes)
        _note_reports(file, notes)
        note_known_keys(file, notes)
        if chain:
            note_chain(file, chain, hosts, notes)
        found += notes.findings
    found += compare(files)
    unique = {(finding.file, finding.line, finding.rule, finding.message): finding for finding in found}
    return sorted(unique.values(), key=lambda finding: (finding.file, finding.line, finding.rule, finding.message))


# --- how many --------------------------------------------------------------------------------------------------


def _note_counts(file: PinFile, notes: Notes) -> None:
    explained = any(RULES[finding.rule].leaves_no_pin for finding in notes.findings)
    if not explained and not any(_pins(rule) for rule in file.rules):
        notes.add(
            "no-pins",
            1,
            "no pin in this file",
            effect="nothing is pinned by it: trust anchors alone decide",
            fix="add a current and a backup pin for each host",
        )
    told = {finding.line for finding in notes.findings if RULES[finding.rule].tells_too_few}
    for rule, pins, others in _sets(file):
        if not pins or rule.line in told or rule.min_pins > 1 or rule.partial or _has_broken(pins):
            continue
        digests = [pin.digest for pin in pins]
        if len(digests) == 1 and not {pin.digest for pin in others} - set(digests):
            notes.add(
                "no-backup",
                rule.line,
                f"one pin for {_name(rule)}, and no backup",
                effect="when its key is lost or replaced, every installed app is locked out until it is updated",
                fix="add the pin of a key that is kept offline",
            )
        elif len(set(digests)) < len(digests):
            again = _again(pins)
            notes.add(
                "backup-equals-current",
                again.line,
                f"the pin '{again.text[:60]}' stands twice for {_name(rule)}",
                effect="it backs up nothing: it is lost together with the first",
                fix="replace one by the pin of a key that is kept offline",
            )


def _again(pins: Sequence[DeclaredPin]) -> DeclaredPin:
    """The first that stands there a second time."""
    first = {pin.digest: index for index, pin in reversed(list(enumerate(pins)))}
    return next(pin for index, pin in enumerate(pins) if first[pin.digest] < index)


def _sets(file: PinFile) -> Iterator[tuple[PinRule, tuple[DeclaredPin, ...], tuple[DeclaredPin, ...]]]:
    """The pins of which one has to match, with the first rule that has them; and those of rules for more names, which
    count wherever these do."""
    groups: dict[object, list[PinRule]] = {}
    for index, rule in enumerate(file.rules):
        groups.setdefault(_group(file, rule, index), []).append(rule)
    for rules in groups.values():
        wider = _wider(file, rules[0]) if file.format.backed_up_by == "its name" else []
        first = replace(rules[0], partial=any(rule.partial for rule in (*rules, *wider)))
        yield first, _united(rule.pins for rule in rules), _united(rule.pins for rule in wider)
        yield first, _united(rule.ca_pins for rule in rules), _united(rule.ca_pins for rule in wider)


def _united(lists: Iterable[tuple[DeclaredPin, ...]]) -> tuple[DeclaredPin, ...]:
    return tuple(pin for pins in lists for pin in pins)


def _wider(file: PinFile, rule: PinRule) -> list[PinRule]:
    """Those that cover every name that it covers, itself among them; not one for whatever host there is."""
    depth = {"none": 0, "one": 1, "all": 2}[rule.subdomains]
    names = [f"{'any.' * labels}{rule.domain}" for labels in range(0 if rule.apex else 1, depth + 1)]
    covering = file.covering(names[0]) if rule.domain and names else []
    return [other for other in covering if other.domain and all(other.covers(name) for name in names)]


def _group(file: PinFile, rule: PinRule, index: int) -> object:
    if file.format.backed_up_by == "its name" and rule.domain:
        return (rule.domain, rule.subdomains, rule.apex)
    if file.format.backed_up_by == "its file" and len({each.of for each in file.rules}) > 1:
        return ""
    return index


def _has_broken(pins: Sequence[DeclaredPin]) -> bool:
    """Then there is an error about it, which counts for more."""
    return any(not pin.can_match for pin in pins)


# --- dates -----------------------------------------------------------------------------------------------------


def _note_dates(file: PinFile, at: datetime, soon: timedelta, notes: Notes) -> None:
    dated: dict[Expiry, PinRule] = {}
    for rule in file.rules:
        if rule.expires and rule.all_pins and binds(file, rule):
            dated.setdefault(rule.expires, rule)
    for expires, rule in dated.items():
        line = expires.line or rule.line
        zone = "midnight UTC" if expires.zone == "utc" else "midnight in the device's time zone"
        if at > expires.earliest:
            where = "" if at > expires.latest else " in the first time zones"
            notes.add(
                "expired",
                line,
                f"the pins for {_name(rule)} expired on {expires.day.isoformat()}{where}",
                effect=f"since {zone} nothing is pinned: any certificate of a trusted CA is accepted",
                fix="release an app with new pins and a later date, or without a date",
            )
        elif at + soon > expires.earliest:
            notes.add(
                "expires-soon",
                line,
                f"the pins for {_name(rule)} expire on {expires.day.isoformat()}, "
                f"in {max((expires.earliest - at).days, 0)} days",
                effect=f"from {zone} on nothing is pinned in apps that have not been updated by then",
                fix="release an app with new pins and a later date in time",
            )


# --- who is covered --------------------------------------------------------------------------------------------


def _note_coverage(file: PinFile, hosts: Sequence[str], notes: Notes) -> None:
    for host in hosts:
        found = [rule for rule in rules_for(file, host) if _pins(rule) and binds(file, rule)]
        if not found:
            missed = missed_rule(file, host)
            notes.add(
                "host-unpinned",
                max((rule.line for rule in rules_for(file, host)), default=missed.line if missed else 1),
                f"{host} is not pinned" + (" by what could be read of this file" if file.partial else ""),
                effect="any certificate of a trusted CA is accepted for it",
                fix=f"add pins for {host}",
                severity=Severity.WARNING if file.partial else None,
            )
    for rule in file.rules:
        if rule.excluded:
            _note_excluded(rule, notes)
        elif _pins(rule):
            _note_hole(file, rule, notes)
        else:
            _note_exempt(file, rule, notes)


def _pins(rule: PinRule) -> bool:
    return bool(rule.all_pins or rule.lockout or rule.partial)


def _note_exempt(file: PinFile, rule: PinRule, notes: Notes) -> None:
    """Where the most specific entry decides, one without pins takes them away."""
    parent = _parent(file, rule)
    if parent and rules_for(file, rule.domain) == (rule,):
        notes.add(
            "exempt",
            rule.line,
            f"{rule.domain} has an entry of its own without pins, under the pinned {parent.domain}",
            effect=f"its own entry decides and inherits nothing from that of {parent.domain}: it is not pinned",
            fix=f"put the pins into it, or nest it into the entry of {parent.domain} without a pin set",
        )


def _note_excluded(rule: PinRule, notes: Notes) -> None:
    notes.add(
        "excluded",
        rule.line,
        f"{rule.domain} is excluded from the pins of its parent domain",
        effect="exactly this name is not pinned; names below it still are",
        fix="nothing, if that is wanted",
    )


def _parent(file: PinFile, rule: PinRule) -> PinRule | None:
    covering = (other for other in file.covering(rule.domain) if other.domain not in ("", rule.domain))
    return next((other for other in covering if other.all_pins), None)


def _note_hole(file: PinFile, rule: PinRule, notes: Notes) -> None:
    if not is_plain(rule.domain) or not file.format.covers_names:
        return
    missed = []
    if not rule.apex and not _pinned(file, rule.domain):
        missed.append(rule.domain)
    if rule.subdomains == "one" and not _pinned(file, f"a.b.{rule.domain}"):
        missed.append(f"a.b.{rule.domain}")
    if rule.subdomains == "none" and is_registrable(rule.domain) and not _pinned(file, f"a.{rule.domain}"):
        missed.append(f"a.{rule.domain}")
    if missed:
        notes.add(
            "hole",
            rule.line,
            f"the pins for {_name(rule)} do not reach {' and '.join(missed)}",
            effect="those names are not pinned",
            fix="pin them too, if the app speaks to them",
        )


def _pinned(file: PinFile, host: str) -> bool:
    return any(_pins(rule) for rule in rules_for(file, host))


def _note_reports(file: PinFile, notes: Notes) -> None:
    for rule in file.rules:
        for uri in rule.report_uris if rule.domain else ():
            host = host_of(uri)
            if host and _pinned(file, host):
                notes.add(
                    "report-uri-on-pinned-host",
                    rule.line,
                    f"reports about {rule.domain} go to {host}, which is pinned here too",
                    effect="when its pins fail, the report about it fails with them and nobody hears of it",
                    fix="send reports to a host that is not pinned",
                )


def _name(rule: PinRule) -> str:
    star = {"none": "", "one": "*.", "all": ""}[rule.subdomains] if not rule.apex else ""
    return f"{star}{rule.domain}" if rule.domain else "all hosts"


def worst(findings: Sequence[LintFinding]) -> Severity | None:
    for severity in Severity:
        if any(finding.severity is severity for finding in findings):
            return severity
    return None
