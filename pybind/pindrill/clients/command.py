"""The command driver: a template with placeholders, a fresh process per attempt."""

from __future__ import annotations

import base64
import binascii
import errno
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from pindrill.clients.output import excerpt, last_line
from pindrill.clients.process import Attempts, Ended, resolved_program, run, scrubbed_environment, signal_name
from pindrill.clients.proxied import proxy_environment
from pindrill.clients.template import fill, used
from pindrill.model import ClientReport, Said, Target, UsageError

ACCEPTED, CANNOT = 0, 89
PIN_PLACEHOLDERS = frozenset({"pins", "pins_curl", "pins_hex", "target_file"})
PLACEHOLDERS = PIN_PLACEHOLDERS | {"url", "host", "port", "path", "address", "proxy", "ca_file", "ca_p12"}
# A shell says 128 + n for a program that died by signal n. 128 itself is an ordinary exit (git's refusal).
_FATAL = frozenset(
    128 + number
    for number in (
        signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGKILL, signal.SIGSEGV,
        signal.SIGTERM, signal.SIGSYS, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGALRM,
    )
)  # fmt: skip

_GO_PANIC = 2


class CommandDriver:
    """`template` is an argv with placeholders; misspelt ones are a usage error before anything runs.

    `folder`: where it runs, and what its relative paths start from; without one the caller's directory. `launcher`:
    what stands before it, as `machine.names` says."""

    outlives_attempts = False

    def __init__(
        self,
        template: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        ignore_exit_code: bool = False,
        folder: Path | None = None,
        launcher: Sequence[str] = (),
    ) -> None:
        if not template:
            raise UsageError(
                "no client command: put it behind `--`, for example `-- curl -sS --cacert {ca_file} {url}`"
            )
        self.environment = dict(environment or {})
        self.folder = folder
        self.launcher = tuple(launcher)
        self.template = [resolved_program(template[0], folder), *template[1:]]
        self.ignore_exit_code = ignore_exit_code
        self.attempts = Attempts()
        self.used = used((*self.template, *self.environment.values()), PLACEHOLDERS)
        self.proxy = ""

    @property
    def expresses_pins(self) -> bool:
        return bool(self.used & PIN_PLACEHOLDERS)

    def go_through(self, proxy: str) -> None:
        """Programs that are started from now on are told this proxy."""
        self.proxy = proxy
        self.environment = {**proxy_environment(proxy), **self.environment}

    def session(self, directory: Path) -> CommandSession:
        if "proxy" in self.used and not self.proxy:
            raise UsageError("{proxy} is the proxy that --through opens: add --through connect, socks or https")
        return CommandSession(self, directory)

    def close(self, patience_s: float = 0) -> None:
        self.attempts.end()


class CommandSession:
    """Keeps one HOME across the stages of a cell: trust on first use and caches live there."""

    def __init__(self, driver: CommandDriver, home: Path) -> None:
        self._driver = driver
        self._home = home

    def attempt(self, target: Target, canary: str = "") -> ClientReport:
        driver = self._driver
        if target.requires and "target_file" not in driver.used:
            what = ", ".join(target.requires)
            return ClientReport(said=Said.UNSUPPORTED, detail=f"only {{target_file}} can tell it of: {what}")
        values = self._values(target)
        if values is None:
            return ClientReport(said=Said.UNSUPPORTED, detail="a malformed pin cannot be written in this notation")
        ended = run(
            [*driver.launcher, *(fill(part, values) for part in driver.template)],
            environment=scrubbed_environment(
                self._home, {name: fill(text, values) for name, text in driver.environment.items()}
            ),
            deadline_s=target.deadline_s,
            wanted=canary.encode(),
            attempts=driver.attempts,
            folder=driver.folder,
        )
        return _report(ended, driver.ignore_exit_code)

    def end(self) -> None:
        """The process is gone already."""

    def _values(self, target: Target) -> dict[str, str] | None:
        texts = [value for pins in target.pins or () for value in pins.values]
        values = {
            "url": target.url,
            "host": target.host,
            "port": str(target.port),
            "path": target.path,
            "address": target.address,
            "proxy": self._driver.proxy,
            "ca_file": target.trust_file,
            "ca_p12": target.trust_file.removesuffix(".pem") + ".p12",
            "pins": ",".join(texts),
            "pins_curl": ";".join(f"sha256//{text}" for text in texts),
        }
        if "pins_hex" in self._driver.used:
            try:
                values["pins_hex"] = ",".join(base64.b64decode(text, validate=True).hex() for text in texts)
            except binascii.Error:
                return None
        if "target_file" in self._driver.used:
            path = self._home / f"{target.id}.json"
            path.write_text(json.dumps(target.to_json()))
            values["target_file"] = str(path)
        return values


def _report(ended: Ended, ignore_exit_code: bool) -> ClientReport:
    said, detail = _said(ended, ignore_exit_code)
    return ClientReport(
        said=said,
        detail=detail,
        canary_out=ended.wanted_out,
        exit_code=ended.exit_code,
        ending_at=ended.ending_at,
        duration_s=ended.duration_s,
        stdout=excerpt(ended.stdout),
        stderr=excerpt(ended.stderr),
    )


def _said(ended: Ended, ignore_exit_code: bool) -> tuple[Said, str]:
    words = last_line(ended.stderr)
    if ended.cannot_run is not None:
        return Said.CANNOT_RUN, errno.errorcode.get(ended.cannot_run, "") + f": {os.strerror(ended.cannot_run)}"
    if ended.signal is not None:
        if not ended.ending_at:
            return Said.DIED, f"by {signal_name(ended.signal)}" + (f": {words}" if words else "")
        return (Said.SILENT, "") if ignore_exit_code else (Said.TIMEOUT, "it was ended at the deadline")
    code = ended.exit_code
    if code == _GO_PANIC and ended.go_crash:
        return Said.DIED, f"exit {code}: {words}"
    if code is None:
        return Said.DIED, "its shepherd was killed or stopped, and could not tell how it ended"
    if code in _FATAL:
        return Said.DIED, f"exit {code}, by {signal_name(code - 128)}" + (f": {words}" if words else "")
    if code in (126, 127):
        return Said.CANNOT_RUN, f"exit {code}" + (f": {words}" if words else "")
    if ignore_exit_code:
        return Said.SILENT, ""
    if code == ACCEPTED:
        return Said.ACCEPTED, ""
    if code == CANNOT:
        return Said.UNSUPPORTED, words
    return Said.REFUSED, f"exit {code}" + (f": {words}" if words else "")


def death(ended: Ended) -> str:
    """How a program died by itself, or through the shell that ran it; empty if it did not."""
    said, detail = _said(ended, True)
    return f"{said}: {detail}" if said in (Said.DIED, Said.CANNOT_RUN) else ""
