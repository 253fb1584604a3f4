"""What is raised to the user, or by a client."""

from __future__ import annotations


class UsageError(Exception):
    """What the user passed cannot be used: says what, where and how to fix it. Exit code 2."""


class Refused(Exception):
    """Raised by a callable client: it refused the connection."""


class HarnessFailed(Exception):
    """We could not do our work: says what and why. No verdict on the client; exit code 3."""
