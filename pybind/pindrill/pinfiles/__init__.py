"""Pin files: read, write, lint and explain; see docs/pin-formats."""

from pindrill.pinfiles.detect import read, read_all
from pindrill.pinfiles.model import DeclaredPin, Expiry, LintFinding, PinRule, Severity
from pindrill.pinfiles.pin_file import PinFile, PinFormat, rules_for

__all__ = [
    "DeclaredPin",
    "Expiry",
    "LintFinding",
    "PinFile",
    "PinFormat",
    "PinRule",
    "Severity",
    "read",
    "read_all",
    "rules_for",
]
