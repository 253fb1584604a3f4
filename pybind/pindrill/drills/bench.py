"""The bench: servers, trust files and secrets of one client's drill, and the playing of plays on them.

A play is run once, by whichever thread needs it first; others wait for it, and cells that need the same play share
what it showed. Each run has a server of its own on a free port, an empty HOME, a session of the driver, and for each
stage a secret in the path of the request and a canary in the answer, both used once: what arrives or comes out belongs
to this stage and no other. Stages follow each other on the same server, which is told what to show next.

A client is believed by what came over the wire, so a run is not over when the client is: its sockets have to end
first. A program that was ended has no sockets; one that lives on may take its deadline to close them. Even then the
server stays open, for the last 256 runs, and is asked once more at the end (`late`): whoever was told an address may
still come.

A secret that arrives anywhere else is a **stray**, wherever that is: at the server of another run, at ports 80 and 443
of this bench's address, where clients that fall back go, or on a proxy's own leg, where the proxy can read it. Nothing
was sent there, so whatever comes is noted by its secret and counted against the stage that the secret is of. Where
those ports cannot be watched the results say so (`unwatched`).

Each bench has a loopback address of its own, a loop (one thread of C++) for all its servers, and one TLS context for
each version: sessions are never shared between benches. A play whose sessions are to be resumed has a context, and so
ticket keys, of its own."""

from __future__ import annotations

import errno
import os
import secrets
import threading
import time
from collections import defaultdict, deque
from concurrent.futures import Future
from pathlib import Path

from pindrill import _core
from pindrill.classify import over_at
from pindrill.clients import Driver
from pindrill.drills.cells import Play, PlayStage
from pindrill.drills.homes import Homes
from pindrill.drills.options import ProxyKind
from pindrill.drills.play_run import PlayRun
from pindrill.drills.proxies import BenchProxy, ProxiedServer, ProxyLeg
from pindrill.drills.servers import Contexts, OpenServer, ScenarioServer, no_sessions
from pindrill.http_response import Respond
from pindrill.mint import Mint
from pindrill.model import (
    HOST,
    ROGUE,
    Observation,
    Said,
    Stray,
    Target,
    TargetPins,
    TlsVersion,
    UsageError,
)

SECRET_PREFIX, CANARY_PREFIX = "pd7s", "pd7c"
_SETTLE_S = 0.5
_IN_USE = os.strerror(errno.EADDRINUSE)
_OWN_NETWORK = "unshare --map-root-user --net sh -c 'ip link set lo up && pindrill …'"
_MAX_OPEN = 256


class Bench:
    """Everything that a drill of one client needs; `play` may be called from many threads."""

    def __init__(
        self,
        mint: Mint,
        driver: Driver,
        *,
        address: str,
        deadline_s: float,
        respond: Respond,
        directory: Path,
        key_log_file: Path | None = None,
        open_server: OpenServer | None = None,
        proxy: BenchProxy | None = None,
    ) -> None:
        """`open_server`: who stands between the client and the scenarios, when it is not our own server; `proxy`: what
        the client is told to go through."""
        self.mint = mint
        self.driver = driver
        self.deadline_s = deadline_s
        self.unwatched: list[str] = []
        self._address = address
        self._respond = respond
        self._directory = directory
        self._homes = Homes(directory)
        self._loop = _core.Loop()
        self._contexts = Contexts(key_log_file)
        self._open_server = open_server or self._own_server
        self._proxy = proxy
        self.no_sessions = no_sessions(driver, own_server=open_server is None)
        """Why no session outlives a request; empty: it may."""
        self._lock = threading.Lock()
        self._plays: dict[tuple[Play, int], Future[PlayRun]] = {}
        self._trust_files: dict[tuple[str, ...], str] = {}
        self._strays: dict[str, list[Stray]] = defaultdict(list)
        self._numbers = iter(range(1, 1 << 62))
        self._open: deque[PlayRun] = deque()
        self._sinks = self._open_sinks()
        if proxy:
            proxy.heard = self._hear_leg

    @property
    def through(self) -> ProxyKind | None:
        return self._proxy.kind if self._proxy else None

    def play(self, play: Play, attempt: int = 0) -> PlayRun:
        """Runs it, or waits for the thread that is running it, or refers to what it showed."""
        with self._lock:
            known = self._plays.get((play, attempt))
            if known is None:
                future: Future[PlayRun] = Future()
                self._plays[play, attempt] = future
        if known is not None:
            return known.result()
        try:
            future.set_result(self._run(play))
        except BaseException as error:
            with self._lock:  # it is no answer of the client's: whoever needs it plays it again
                self._plays.pop((play, attempt), None)
            future.set_exception(error)
            raise
        return future.result()

    def late(self) -> None:
        """Looks once more, after the last cell: a secret may have arrived after its cell was judged."""
        for future in list(self._plays.values()):
            if future.done() and not future.exception():
                self._gather(future.result())
        self._watch_elsewhere()

    def close(self) -> None:
        self.driver.close()
        self._plays.clear()
        self._open.clear()
        self._sinks.clear()

    # --- one run -----------------------------------------------------------------------------------------------

    def _run(self, play: Play) -> PlayRun:
        number = self._number()
        # Names of servers, credentials and secrets belong to this run alone.
        wanted = [secrets.token_hex(12) for _ in play.stages]
        paths = [SECRET_PREFIX + token for token in wanted]
        canaries = [CANARY_PREFIX + token for token in wanted]
        server = self._server(play, number, canaries)
        run = PlayRun(number, server, paths, self._strays)
        with self._homes.one() as home:
            self._attempt(play, run, server, home, canaries)
            # A dead client's sockets have ended; a living one may need its deadline to end them.
            _settle(server, self._patience(run) if self.driver.outlives_attempts else _SETTLE_S)
        self._gather(run)
        self._keep_open(run)
        self._watch_elsewhere()
        run.refuse_broken_proxy()
        return run

    def _attempt(self, play: Play, run: PlayRun, server: ScenarioServer, home: Path, canaries: list[str]) -> None:
        """All stages, in one session."""
        number = run.number
        session = self.driver.session(home)
        name = f"s{number}.0"
        try:
            for index, stage in enumerate(play.stages):
                if index:
                    shown = self._shown(stage, canaries[index])
                    server.serve(self._label(number, index), *shown, takes_tickets=stage.takes_tickets)
                    before = play.stages[index - 1]
                    updated = (stage.pins, stage.expires) != (before.pins, before.expires)
                    if updated and play.sessions == "none":
                        name = f"s{number}.{index}"  # updated pins come with a new client object
                target = self._target(play, stage, f"t{number}.{index}", name, server.port, run.secrets[index])
                run.reports.append(session.attempt(target, canaries[index]))
                if index + 1 < len(play.stages):
                    server.settle(0 if self.driver.outlives_attempts else _SETTLE_S)
        finally:
            session.end()

    def _keep_open(self, run: PlayRun) -> None:
        """Somebody whom the client told the address may still come, even if the client itself has ended."""
        with self._lock:
            self._open.append(run)
            oldest = self._open.popleft() if len(self._open) > _MAX_OPEN else None
        if oldest:
            self._gather(oldest)
            oldest.server = None

    def _patience(self, run: PlayRun) -> float:
        """How long a living client's sockets may take to end."""
        if any(report.said in (Said.TIMEOUT, Said.DIED) for report in run.reports):
            return _SETTLE_S
        return self.deadline_s

    def _server(self, play: Play, number: int, canaries: list[str]) -> ScenarioServer:
        shown = self._shown(play.stages[0], canaries[0])
        if play.sessions == "tickets":  # its keys are of this run alone: no ticket crosses to a twin
            context = self._contexts.with_tickets(play.tls)
            server: ScenarioServer = _core.Server(self._loop, self._address, 0, context, self._label(number, 0), *shown)
        else:
            server = self._open_server(self._address, play.tls, self._label(number, 0), *shown)
        return self._proxy.before(server) if self._proxy else server

    def _own_server(
        self, address: str, tls: TlsVersion, label: str, credential: _core.Credential, response: str
    ) -> ScenarioServer:
        return _core.Server(self._loop, address, 0, self._contexts.shared[tls], label, credential, response)

    def _shown(self, stage: PlayStage, canary: str) -> tuple[_core.Credential, str]:
        return self.mint.credential(stage.serve), self._respond.text(canary)

    def _target(self, play: Play, stage: PlayStage, name: str, session: str, port: int, path: str) -> Target:
        pins = None
        if stage.pins is not None:
            told = TargetPins(host=HOST, of=stage.of, values=stage.pins, expires=stage.expires)
            pins = (told,) if stage.pins else ()
        return Target(
            id=name,
            session=session,
            url=f"https://{play.host}:{port}/{path}",
            host=play.host,
            port=port,
            path=f"/{path}",
            address=self._address,
            trust_file=self._trust_file(play.trust),
            pins=pins,
            deadline_s=self.deadline_s,
            requires=("expires",) if stage.expires else (),
        )

    def _gather(self, run: PlayRun) -> None:
        if run.server is None:
            return
        everything = [Observation.from_dict(facts) for facts in run.server.observations()]
        self._note(everything, frozenset(run.secrets), f"the server of another cell (run {run.number})")
        labels = [self._label(run.number, index) for index in range(len(run.secrets))]
        run.gathered = [tuple(seen for seen in everything if seen.credential == label) for label in labels]
        if isinstance(run.server, ProxiedServer):
            run.legs = run.server.legs

    # --- secrets that arrive elsewhere (T9) ---------------------------------------------------------------------

    def _note(self, seen: list[Observation], own: frozenset[str], where: str) -> None:
        for observation in seen:
            for secret in (*observation.secrets, *observation.plain_secrets):
                if secret in own:
                    continue
                stray = Stray(where=where, observation=observation)
                with self._lock:
                    if stray not in self._strays[secret]:
                        self._strays[secret].append(stray)

    def _open_sinks(self) -> dict[int, tuple[_core.Server, int]]:
        """Whatever comes to the usual ports of the test hosts: nothing that a client was sent to."""
        sinks = {}
        for port in (80, 443):
            response = self._respond.text(CANARY_PREFIX + "0" * 24)
            try:
                server = _core.Server(
                    self._loop,
                    self._address,
                    port,
                    _core.ServerContext(),
                    f"sink {port}",
                    self.mint.credential(ROGUE),
                    response,
                )
            except _core.CoreError as error:
                if _IN_USE in str(error):
                    raise UsageError(
                        f"port {port}: {error}. A program that listens on every address hides what a client sends to "
                        f"this port in plain text.\nStop it, or give pindrill a network of its own: {_OWN_NETWORK}"
                    ) from error
                self.unwatched.append(f"port {port}: {error}")
                continue
            sinks[port] = (server, 0)
        return sinks

    def _watch_elsewhere(self) -> None:
        self._watch_sinks()
        if self._proxy:
            self._proxy.watch()

    def _hear_leg(self, leg: ProxyLeg) -> None:
        if leg.readable_secrets:
            self._note([leg.seen], frozenset(), "the proxy's own leg")

    def _watch_sinks(self) -> None:
        for port, (sink, known) in list(self._sinks.items()):
            sink.settle(_SETTLE_S)
            if sink.connections == known:
                continue
            seen = [Observation.from_dict(facts) for facts in sink.observations()]
            self._note(seen, frozenset(), f"port {port} of {HOST}")
            finished = len(seen) if all(o.ended != "open" for o in seen) else known
            self._sinks[port] = (sink, finished)

    # --- small things ------------------------------------------------------------------------------------------

    def _number(self) -> int:
        with self._lock:
            return next(self._numbers)

    @staticmethod
    def _label(number: int, index: int) -> str:
        return f"{number}.{index + 1}"

    def _trust_file(self, roots: tuple[str, ...]) -> str:
        with self._lock:
            if roots not in self._trust_files:
                path = self._directory / f"trust-{len(self._trust_files)}.pem"
                of_proxy = self._proxy.trust if self._proxy else ()
                path.write_text(self.mint.trust_pem(roots) + "".join(certificate.pem for certificate in of_proxy))
                trusted = [*self.mint.trust(roots), *of_proxy]
                path.with_suffix(".p12").write_bytes(_core.trust_store_p12(trusted, "pindrill"))
                self._trust_files[roots] = str(path)
            return self._trust_files[roots]


def _settle(server: ScenarioServer, patience_s: float) -> None:
    """Waits until every socket is at its end. Not for one that its client leaves open behind the end of its TLS: what
    still comes on it is found when the run is looked at once more (`Bench.late`)."""
    give_up = time.monotonic() + patience_s
    while (left := give_up - time.monotonic()) > 0 and not server.settle(min(left, _SETTLE_S)):
        seen = [Observation.from_dict(facts) for facts in server.observations()]
        if all(over_at(each) for each in seen):
            return
