"""What was seen of a client: on the wire, and on its own side."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pindrill.model.observation import Observation


class Said(StrEnum):
    """What the client said of an attempt, or what became of it."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    """The adapter itself failed, or broke the contract."""
    DIED = "died"
    CANNOT_RUN = "cannot-run"
    TIMEOUT = "timeout"
    SILENT = "silent"
    """Its exit code is to be ignored and it printed no canary."""


@dataclass(frozen=True, kw_only=True)
class ClientReport:
    """What the client's side shows of one attempt."""

    said: Said
    """What the client said of the attempt, or what became of it."""
    detail: str = ""
    """In its own words."""
    canary_out: bool = False
    """Whether the text of the response came out of the client."""
    exit_code: int | None = None
    """Of a command; null: it has none."""
    ending_at: int = 0
    """When the harness began to end the client, in nanoseconds of the monotonic clock; 0: it did not. From then on no
    end of a connection counts.
    """
    duration_s: float = 0.0
    """Seconds that the attempt took."""
    stdout: str = ""
    """The beginning and the end of its output."""
    stderr: str = ""
    """The beginning and the end of its error output."""


@dataclass(frozen=True, kw_only=True)
class Stray:
    """A request secret that arrived where it must not."""

    where: str
    observation: Observation
