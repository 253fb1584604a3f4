"""Pin files written from the model. A format that cannot say what the model says is refused, not approximated."""

from __future__ import annotations

import plistlib
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pindrill.model import UsageError
from pindrill.pinfiles import ats, trustkit_ios
from pindrill.pinfiles.digests import encoded
from pindrill.pinfiles.losses import DROPPABLE, TARGETS, LossKind, Position, losses, meaningful
from pindrill.pinfiles.model import DeclaredPin, PinFile, PinFormat, PinRule


def write(
    file: PinFile,
    target: PinFormat,
    *,
    at: datetime,
    pins_are: Position | None = None,
    drop: Collection[LossKind] = (),
    settings: Mapping[str, str] | None = None,
) -> str:
    """UsageError lists everything that the target has no equal for."""
    if target not in TARGETS:
        writable = ", ".join(TARGETS)
        raise UsageError(f"{target} can be read, not written; write one of: {writable}")
    if file.crash:
        raise UsageError(f"{file.path}: the app does not start with this file: {file.crash}; mend it before converting")
    missing = [loss for loss in losses(file, target, pins_are=pins_are, at=at) if loss.kind not in drop]
    merged = {**file.settings, **(settings or {})}
    if missing:
        lines = "\n".join(f"  {file.path}:{loss.line or 1}: {loss.kind}: {loss.what}" for loss in missing)
        may_go = sorted({loss.kind for loss in missing} & set(DROPPABLE))
        hint = f"\nleave out on purpose with {' '.join(f'--drop {kind}' for kind in may_go)}" if may_go else ""
        raise UsageError(f"no equal in {target}:\n{lines}{hint}")
    rules = [_kept(rule, target, pins_are) for rule in meaningful(file) if rule.all_pins or TARGETS[target].exclusions]
    if not any(rule.all_pins for rule in rules):
        raise UsageError(f"{file.path}: no pins in it, nothing was written; `pindrill pins lint` says what is in it")
    return _WRITERS[target](rules, merged)


def _kept(rule: PinRule, target: PinFormat, pins_are: Position | None) -> PinRule:
    """In the target's own position; what was dropped is gone."""
    can = TARGETS[target]
    kept = replace(rule, report_uris=rule.report_uris if can.report_uris else ())
    if can.expires is None:
        kept = replace(kept, expires=None)
    if can.position == "lists" and rule.position != "leaf-and-ca":
        ca = rule.position == "ca" or (rule.position == "any" and pins_are == "ca")
        kept = replace(kept, pins=() if ca else rule.pins, ca_pins=rule.pins if ca else ())
    elif can.position != "lists":
        kept = replace(kept, pins=rule.all_pins, ca_pins=())
    return kept


def _base64(pin: DeclaredPin) -> str:
    assert pin.digest is not None
    return encoded(pin.digest)


# --- Android ---------------------------------------------------------------------------------------------------


def _nsc(rules: list[PinRule], settings: Mapping[str, str], *, trustkit: bool = False) -> str:
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<network-security-config>"]
    for rule in rules:
        subdomains = "true" if rule.subdomains == "all" else "false"
        lines.append("  <domain-config>")
        lines.append(f'    <domain includeSubdomains="{subdomains}">{escape(rule.domain)}</domain>')
        if rule.pins:
            expires = f' expiration="{rule.expires.day.isoformat()}"' if rule.expires else ""
            lines.append(f"    <pin-set{expires}>")
            lines += [f'      <pin digest="SHA-256">{_base64(pin)}</pin>' for pin in rule.pins]
            lines.append("    </pin-set>")
        if trustkit and rule.pins:
            lines.append(f"    <trustkit-config enforcePinning={quoteattr(str(rule.enforce).lower())}>")
            lines += [f"      <report-uri>{escape(uri)}</report-uri>" for uri in rule.report_uris]
            lines.append("    </trustkit-config>")
        lines.append("  </domain-config>")
    return "\n".join([*lines, "</network-security-config>", ""])


def _trustkit_android(rules: list[PinRule], settings: Mapping[str, str]) -> str:
    return _nsc(rules, settings, trustkit=True)


def _okhttp(rules: list[PinRule], settings: Mapping[str, str]) -> str:
    java = settings.get("language") == "java"
    lines = [
        "CertificatePinner pinner = new CertificatePinner.Builder()"
        if java
        else "val pinner = CertificatePinner.Builder()"
    ]
    for rule in rules:
        texts = ", ".join(f'"{pin.algorithm}/{_base64(pin)}"' for pin in rule.pins)
        lines += [f'    .add("{pattern}", {texts})' for pattern in _patterns(rule)]
    return "\n".join([*lines, "    .build()" + (";" if java else ""), ""])


def _patterns(rule: PinRule) -> list[str]:
    match rule.subdomains, rule.apex:
        case "all", _:
            return [f"**.{rule.domain}"]
        case "one", False:
            return [f"*.{rule.domain}"]
        case "one", True:
            return [rule.domain, f"*.{rule.domain}"]
        case _:
            return [rule.domain]


# --- Apple -----------------------------------------------------------------------------------------------------


def _ats(rules: list[PinRule], settings: Mapping[str, str]) -> str:
    domains: dict[str, Any] = {}
    for rule in rules:
        entry: dict[str, Any] = {ats.SUBDOMAINS: True} if rule.subdomains == "one" else {}
        for key, pins in ((ats.LEAF, rule.pins), (ats.CA, rule.ca_pins)):
            if pins:
                entry[key] = [{ats.DIGEST: _base64(pin)} for pin in pins]
        domains[rule.domain] = entry
    return _plist({ats.ATS: {ats.DOMAINS: domains}})


def _trustkit_ios(rules: list[PinRule], settings: Mapping[str, str]) -> str:
    configuration: dict[str, Any] = {trustkit_ios.DOMAINS: {rule.domain: _policy(rule) for rule in rules}}
    if trustkit_ios.SWIZZLE in settings:
        configuration[trustkit_ios.SWIZZLE] = settings[trustkit_ios.SWIZZLE] == "true"
    return _plist({trustkit_ios.CONFIGURATION: configuration})


def _policy(rule: PinRule) -> dict[str, Any]:
    if not rule.pins:
        return {trustkit_ios.EXCLUDE: True}
    entry: dict[str, Any] = {
        trustkit_ios.ENFORCE: rule.enforce,
        trustkit_ios.SUBDOMAINS: rule.subdomains == "all",
        trustkit_ios.HASHES: [_base64(pin) for pin in rule.pins],
    }
    if rule.expires:
        entry[trustkit_ios.EXPIRES] = rule.expires.day.isoformat()
    if rule.report_uris:
        entry[trustkit_ios.REPORT_URIS] = list(rule.report_uris)
    return entry


def _plist(values: dict[str, Any]) -> str:
    return plistlib.dumps(values, sort_keys=False).decode()


# --- options and headers ---------------------------------------------------------------------------------------


def _option(rule: PinRule) -> str:
    return ";".join(f"sha256//{_base64(pin)}" for pin in rule.pins)


def _curl(rules: list[PinRule], settings: Mapping[str, str]) -> str:
    return "".join(_command("curl", "--insecure", rule) for rule in rules)


def _wget(rules: list[PinRule], settings: Mapping[str, str]) -> str:
    return "".join(_command("wget", "--no-check-certificate", rule) for rule in rules)


def _command(tool: str, unsafe: str, rule: PinRule) -> str:
    words = [tool, *([unsafe] if rule.mode == "replace" else []), "--pinnedpubkey", _option(rule)]
    return shlex.join([*words, *([f"https://{rule.domain}/"] if rule.domain else [])]) + "\n"


def _git(rules: list[PinRule], settings: Mapping[str, str]) -> str:
    lines = []
    for rule in rules:
        star = "" if rule.apex else "*."
        lines.append(f'[http "https://{star}{rule.domain}/"]' if rule.domain else "[http]")
        lines.append(f'\tpinnedPubkey = "{_option(rule)}"')
        lines += ["\tsslVerify = false"] if rule.mode == "replace" else []
    return "\n".join([*lines, ""])


def _hpkp(rules: list[PinRule], settings: Mapping[str, str]) -> str:
    if not settings.get("max-age", "").isdigit():
        raise UsageError("no equal in hpkp: the header needs a time that it holds; give --max-age SECONDS")
    rule = rules[0]
    parts = [f'pin-sha256="{_base64(pin)}"' for pin in rule.pins]
    parts.append(f"max-age={settings['max-age']}")
    parts += ["includeSubDomains"] if rule.subdomains == "all" else []
    parts += [f'report-uri="{uri}"' for uri in rule.report_uris if '"' not in uri]
    name = "Public-Key-Pins" if rule.enforce else "Public-Key-Pins-Report-Only"
    return f"{name}: {'; '.join(parts)}\n"


_WRITERS: Mapping[PinFormat, Callable[[list[PinRule], Mapping[str, str]], str]] = {
    PinFormat.NSC: _nsc,
    PinFormat.TRUSTKIT_ANDROID: _trustkit_android,
    PinFormat.TRUSTKIT_IOS: _trustkit_ios,
    PinFormat.ATS: _ats,
    PinFormat.OKHTTP: _okhttp,
    PinFormat.CURL: _curl,
    PinFormat.WGET: _wget,
    PinFormat.GIT: _git,
    PinFormat.HPKP: _hpkp,
}
