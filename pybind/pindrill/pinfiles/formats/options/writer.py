"""The option written: a command for each host, or a section of git's configuration."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from pindrill.pinfiles.formats.options.tools import OPTION, PREFIX
from pindrill.pinfiles.model import PinRule


def write_curl(rules: Sequence[PinRule], settings: Mapping[str, str]) -> str:
    return "".join(_command("curl", "--insecure", rule) for rule in rules)


def write_wget(rules: Sequence[PinRule], settings: Mapping[str, str]) -> str:
    return "".join(_command("wget", "--no-check-certificate", rule) for rule in rules)


def _command(tool: str, unsafe: str, rule: PinRule) -> str:
    words = [tool, *([unsafe] if rule.mode == "replace" else []), OPTION, _value(rule)]
    return shlex.join([*words, *([f"https://{rule.domain}/"] if rule.domain else [])]) + "\n"


def write_git(rules: Sequence[PinRule], settings: Mapping[str, str]) -> str:
    lines = []
    for rule in rules:
        star = "" if rule.apex else "*."
        lines.append(f'[http "https://{star}{rule.domain}/"]' if rule.domain else "[http]")
        lines.append(f'\tpinnedPubkey = "{_value(rule)}"')
        lines += ["\tsslVerify = false"] if rule.mode == "replace" else []
    return "\n".join([*lines, ""])


def _value(rule: PinRule) -> str:
    return ";".join(f"{PREFIX}{pin.base64}" for pin in rule.pins)
