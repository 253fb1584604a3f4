"""What a correct client does, and the verdicts on what a client did."""

from __future__ import annotations

from enum import StrEnum


class Expect(StrEnum):
    """What a correct client does with a stage."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    REPORT = "report"
    CONFIG_ERROR_OR_REFUSE = "config-error-or-refuse"


class VerdictWord(StrEnum):
    """The verdicts, in the precedence of truth rule T16: where several hold, the first counts."""

    FAIL_OPEN = "fail-open"
    EARLY_DATA_LEAK = "early-data-leak"
    CLIENT_AUTH_LEAK = "client-auth-leak"
    DOWNGRADE = "downgrade"
    LEAKED = "leaked"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    FALSE_SUCCESS = "false-success"
    OUTAGE = "outage"
    OUTAGE_DEFERRED = "outage-deferred"
    UNSUPPORTED = "unsupported"
    REPORTED = "reported"
    PASS = "pass"  # noqa: S105


PRECEDENCE = tuple(VerdictWord)
LEAKS = frozenset(PRECEDENCE[:5])
VIOLATIONS = LEAKS | {VerdictWord.FALSE_SUCCESS, VerdictWord.OUTAGE, VerdictWord.OUTAGE_DEFERRED}
UNJUDGED = frozenset({VerdictWord.ERROR, VerdictWord.INCONCLUSIVE})
