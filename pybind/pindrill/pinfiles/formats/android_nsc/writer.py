"""A Network Security Config written from rules, with TrustKit's switches or without."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from pindrill.pinfiles.model import PinRule


def write_config(rules: Sequence[PinRule], *, library: bool) -> str:
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<network-security-config>"]
    for rule in rules:
        subdomains = "true" if rule.subdomains == "all" else "false"
        lines.append("  <domain-config>")
        lines.append(f'    <domain includeSubdomains="{subdomains}">{escape(rule.domain)}</domain>')
        if rule.pins:
            expires = f' expiration="{rule.expires.day.isoformat()}"' if rule.expires else ""
            lines.append(f"    <pin-set{expires}>")
            lines += [f'      <pin digest="SHA-256">{pin.base64}</pin>' for pin in rule.pins]
            lines.append("    </pin-set>")
        if library and rule.pins:
            lines.append(f"    <trustkit-config enforcePinning={quoteattr(str(rule.enforce).lower())}>")
            lines += [f"      <report-uri>{escape(uri)}</report-uri>" for uri in rule.report_uris]
            lines.append("    </trustkit-config>")
        lines.append("  </domain-config>")
    return "\n".join([*lines, "</network-security-config>", ""])
