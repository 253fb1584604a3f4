"""A mitmdump of our own: started with the addon, told what to do over a socket, and missed when it dies."""

from __future__ import annotations

import json
import os
import queue
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pindrill import _core
from pindrill.clients.output import KeptOutput
from pindrill.interruption import PATIENCE_S, Started, heard
from pindrill.machine.directories import run_directory
from pindrill.mitm.addon_channel import AddonChannel
from pindrill.mitm.install import ADDON, Mitmdump
from pindrill.mitm.recorder import KEPT_PLAINTEXT, AddonEvent

_READY_S = 60.0
_ANSWER_S = 30.0
_END_S = 10.0
_ENOUGH_OUTPUT = 2000


class MitmproxyFailed(_core.CoreError):
    """mitmdump did not start, does not answer, or died: an error of the run, whatever else was seen."""


class Process:
    """One mitmdump. `mode` as in its `--mode`; it listens nowhere before it is told to."""

    def __init__(
        self,
        mitmdump: Mitmdump,
        mode: str,
        *,
        hosts: Mapping[str, str] | None = None,
        private_addresses: bool = False,
        upstream_trust: str = "",
        verify_upstream: bool = True,
        clients: Sequence[str] = ("127.0.0.0/8", "::1"),
        patience_s: float = 30.0,
        take: Callable[[AddonEvent], None] | None = None,
        kept_plaintext: int = KEPT_PLAINTEXT,
    ) -> None:
        """`take`: gets the events instead of `events`, before any answer that came after them."""
        self.denied = 0
        self.version = ""
        self.events: queue.Queue[AddonEvent | None] = queue.Queue()
        """Questions and contacts; None at its death."""
        self._said = KeptOutput()
        self._answers: dict[int, queue.Queue[AddonEvent | None]] = {}
        self._asks = iter(range(1, 1 << 62))
        self._dead = ""
        self._closing = False
        settings = {
            "hosts": dict(hosts or {}),
            "private_addresses": private_addresses,
            "clients": list(clients),
            "patience_s": patience_s,
        }
        options = {
            "server": "false",
            "block_global": "false",
            "keep_host_header": "true",
            "upstream_cert": "false",
            "stream_large_bodies": "1m",
            "flow_detail": "0",
            "termlog_verbosity": "error",
            "connection_strategy": "lazy",
            "ssl_insecure": "false" if verify_upstream else "true",
            **({"ssl_verify_upstream_trusted_ca": upstream_trust} if upstream_trust else {}),
        }
        self._ready = threading.Event()
        self._over = threading.Event()
        """Asked instead of the thread: until Python 3.13, Ctrl-C while it is joined makes it count as ended."""
        with Started() as started:
            directory = run_directory(started, prefix="pindrill-mitm-").path
            (directory / "mitmproxy-ca.pem").write_text(_unused_authority())
            options["confdir"] = str(directory)
            arguments = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
            program = [str(mitmdump.path), "--mode", mode, *arguments, "-s", str(ADDON)]
            self._end_of_ours, theirs = started.start(socket.socketpair, _close_both)
            # A mitmdump that no longer reads must not hold us up.
            self._end_of_ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(_ANSWER_S), 0))
            hand_over = take or self.events.put
            self._channel = AddonChannel(
                self._end_of_ours, asked=hand_over, ended=hand_over, other=self._take, kept=kept_plaintext
            )
            self._process = started.start(lambda: self._begin(program, settings, theirs), self._end)
            theirs.close()
            started.start(threading.Thread(target=self._read, name="mitmproxy", daemon=True).start, self._end_reading)
            with heard():
                ready = self._ready.wait(_READY_S)
            if not ready or self._dead:
                raise MitmproxyFailed(self._dead or self._death(f"{mitmdump.path} was not ready in {_READY_S:g} s"))
            self._started = started.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, do: str, **order: Any) -> None:
        """Without effect when it is dead, which `ask` and `check` say."""
        self._channel.order(do, **order)

    def decide(self, number: int, answer: dict[str, Any]) -> None:
        self._channel.decide(number, answer)

    def open(self, listener: int | None = None) -> list[AddonEvent]:
        """The facts so far of connections that have not ended, also of those that nobody has accepted yet."""
        self.ask("open", **({"port": listener} if listener else {}))
        return self._channel.open(listener)

    def ask(self, do: str, *, patience_s: float = _ANSWER_S, **order: Any) -> AddonEvent:
        answer: queue.Queue[AddonEvent | None] = queue.Queue(1)
        number = next(self._asks)
        self._answers[number] = answer
        try:
            if self._dead:
                raise MitmproxyFailed(self._dead)
            self.tell(do, ask=number, **order)
            found = answer.get(timeout=patience_s)
        except queue.Empty:
            raise MitmproxyFailed(self._death(f"mitmdump did not answer in {patience_s:g} s")) from None
        finally:
            self._answers.pop(number, None)
        if found is None:
            raise MitmproxyFailed(self._dead)
        if "error" in found:
            raise MitmproxyFailed(f"mitmdump could not do '{do}': {found['error']}")
        return found

    def check(self) -> None:
        if self._dead:
            raise MitmproxyFailed(self._dead)

    def close(self) -> None:
        self._started.close()

    def _begin(
        self, program: Sequence[str], settings: Mapping[str, Any], theirs: socket.socket
    ) -> subprocess.Popen[bytes]:
        """With somebody who listens to what it says."""
        process = _popen(program, settings, theirs)
        listener = threading.Thread(target=self._listen, args=(process,), name="mitmproxy's output", daemon=True)
        try:
            listener.start()
        except BaseException:
            process.kill()
            with process:
                raise
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """The addon ends mitmdump when its socket closes."""
        self._closing = True
        with suppress(OSError):
            self._end_of_ours.shutdown(socket.SHUT_RDWR)
        try:
            with suppress(subprocess.TimeoutExpired), heard(PATIENCE_S):
                process.wait(_END_S)
        finally:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)

    def _end_reading(self, _: None) -> None:
        """It ends with the channel."""
        self._closing = True
        with suppress(OSError):
            self._end_of_ours.shutdown(socket.SHUT_RDWR)
        self._over.wait(_END_S)

    def _read(self) -> None:
        what = "mitmdump died"
        try:
            self._channel.read()
        except OSError:
            pass
        except Exception as error:  # whatever it was: what came after was not seen
            what = f"what mitmdump tells was not understood: {error!r}"
        if not self._closing:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)
        self._dead = self._death(what)
        self._ready.set()
        for answer in list(self._answers.values()):
            answer.put(None)
        self.events.put(None)
        self._over.set()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """To the end, so that a talkative mitmdump is never held up."""
        assert process.stdout
        with process.stdout as output:
            while chunk := os.read(output.fileno(), 65536):
                self._said.take(chunk)

    def _take(self, name: str, event: AddonEvent) -> None:
        match name:
            case "ready":
                self.version = event["mitmproxy"]
                self._ready.set()
            case "answer":
                if waiting := self._answers.get(event["ask"]):
                    waiting.put(event)
            case "denied":
                self.denied += 1
            case "trouble":
                self._dead = event["error"]
                self.events.put(None)

    def _death(self, what: str) -> str:
        code = self._process.poll()
        how = "" if code is None else f" (exit code {code})" if code >= 0 else f" (signal {-code})"
        said = self._said.data().decode("utf-8", "replace").strip()[-_ENOUGH_OUTPUT:]
        return f"{what}{how}" + (f"; its last words: {said}" if said else "")


def _popen(program: Sequence[str], settings: Mapping[str, Any], theirs: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        program,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[theirs.fileno()],
        env={**os.environ, "PINDRILL_MITM": json.dumps({**settings, "channel": theirs.fileno()})},
        start_new_session=True,
    )


def _close_both(ends: tuple[socket.socket, socket.socket]) -> None:
    for end in ends:
        end.close()


def credential_order(label: str, credential: _core.Credential) -> dict[str, str]:
    return {
        "label": label,
        "chain": "".join(certificate.pem for certificate in credential.chain),
        "key": credential.key.private_pem(),
    }


def _unused_authority() -> str:
    """mitmproxy wants an authority to start; the addon never lets it show anything of it."""
    key = _core.KeyPair.generate("p-256")
    spec = _core.CertificateSpec("pindrill TEST unused", ca=True)
    return key.private_pem() + _core.Authority.root(key, spec).certificate.pem
