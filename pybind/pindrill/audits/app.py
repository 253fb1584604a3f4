"""The app under audit: started once per condition, driven by hooks, or by nobody."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pindrill.audits.presets import HookTexts
from pindrill.clients.briefly import TookTooLong, run_briefly
from pindrill.clients.command import death
from pindrill.clients.process import Ended, resolved_program, run, scrubbed_environment
from pindrill.clients.template import fill, used
from pindrill.machine.names import NAMES, hosts_text
from pindrill.model import UsageError
from pindrill.model.told_command import told_text

PLACEHOLDERS = frozenset({"proxy", "proxy_port", "ca_file"})
_HOOK_S = 120.0


@dataclass(frozen=True)
class Ending:
    """How one start of the app ended."""

    ending_at: int
    death: str
    output: str


@dataclass(frozen=True)
class InterceptorPlace:
    """What an app is told of the interceptor."""

    proxy: str
    """host:port, empty where there is no proxy."""
    scheme: str
    """Of the proxy's address in the environment: http or socks5h."""
    ca_file: str
    names: tuple[str, ...] = ()
    """Resolve to `address`, for this app only."""
    address: str = ""

    @property
    def values(self) -> dict[str, str]:
        return {"proxy": self.proxy, "proxy_port": self.proxy.rpartition(":")[2], "ca_file": self.ca_file}

    @property
    def environment(self) -> dict[str, str]:
        if not self.proxy:
            return {}
        url = f"{self.scheme}://{self.proxy}"
        names = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
        return dict.fromkeys((*names, "ALL_PROXY", "all_proxy") if self.scheme != "http" else names, url)


class Command:
    """A command that is started for each condition, in a throw-away HOME each time."""

    def __init__(
        self,
        template: Sequence[str],
        environment: Mapping[str, str],
        deadline_s: float,
        folder: Path | None = None,
    ) -> None:
        """`folder`: where it runs, and what its relative paths start from; without one the caller's directory."""
        used((*template, *environment.values()), PLACEHOLDERS)
        self._template = [resolved_program(template[0], folder), *template[1:]]
        self._folder = folder
        self._environment = dict(environment)
        self._deadline_s = deadline_s

    def start(self, place: InterceptorPlace, directory: Path) -> Ending:
        home = directory / "home"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        told = {**place.environment, **{name: fill(text, place.values) for name, text in self._environment.items()}}
        argv = [fill(part, place.values) for part in self._template]
        if place.names:
            hosts = directory / "hosts"
            hosts.write_text(hosts_text(place.address, place.names))
            hosts.chmod(0o644)
            argv = [str(NAMES), str(hosts), "--", *argv]
        environment = scrubbed_environment(home, told)
        return _ending(run(argv, environment=environment, deadline_s=self._deadline_s, folder=self._folder))

    def finish(self, place: InterceptorPlace) -> None:
        """Every start has ended already."""


class AppHooks:
    """Commands around an app that runs elsewhere: `setup` once; `trigger`, `logs` and `reset` for each condition."""

    def __init__(self, texts: HookTexts, *, deadline_s: float) -> None:
        used(vars(texts).values(), PLACEHOLDERS)
        self._texts = texts
        self._deadline_s = deadline_s
        self._set_up = False
        if not texts.trigger and self.given:
            raise UsageError("the hooks need --trigger: what starts the app")

    @property
    def given(self) -> bool:
        return any(vars(self._texts).values())

    def start(self, place: InterceptorPlace, directory: Path) -> Ending:
        if not self._set_up:
            self._set_up = True
            self._run(self._texts.setup, place)
        self._run(self._texts.trigger, place)
        output = self._run(self._texts.logs, place)
        ending_at = time.monotonic_ns()
        self._run(self._texts.reset, place)
        return Ending(ending_at=ending_at, death="", output=output)

    def finish(self, place: InterceptorPlace) -> None:
        """Also where `setup` was cut short: it may have done its part."""
        if self._set_up:
            self._set_up = False
            self._run(self._texts.teardown, place)

    def _run(self, text: str, place: InterceptorPlace) -> str:
        if not text:
            return ""
        command = fill(text, place.values)
        patience_s = max(_HOOK_S, self._deadline_s)
        try:
            done = run_briefly(command, patience_s=patience_s)
        except TookTooLong as error:
            raise HookFailed(f"the hook `{told_text(command)}` had not ended after {patience_s:g} s") from error
        if done.code != 0:
            raise HookFailed(
                f"the hook `{told_text(command)}` failed with exit {done.code}: {done.stderr.strip()[-400:]}"
            )
        return done.stdout


class HookFailed(Exception):
    """A hook ended with another exit than 0: nothing can be said of the app."""


def _ending(ended: Ended) -> Ending:
    if ended.cannot_run is not None:
        raise UsageError(
            f"the app cannot be started: {os.strerror(ended.cannot_run)} ({errno.errorcode[ended.cannot_run]})"
        )
    output = (ended.stdout[-4000:] + ended.stderr[-4000:]).decode("utf-8", "replace")
    return Ending(ending_at=ended.ending_at, death=death(ended), output=output)
