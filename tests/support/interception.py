"""An interceptor between real clients and real servers, whose every question is answered alike."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Literal

from pindrill import _core

HOST = "app.pin.test"
SUPPORT = Path(__file__).parent
Mode = Literal["pass-through", "trusted-ca"]
_PATTERN = bytes((i * 7 + (i >> 8) * 13) & 255 for i in range(65521))
_PATIENCE_S = 60.0


@cache
def pattern_hash(count: int) -> str:
    """SHA-256 of what the origin answers to /bytes/COUNT."""
    digest = hashlib.sha256()
    whole, rest = divmod(count, len(_PATTERN))
    for _ in range(whole):
        digest.update(_PATTERN)
    digest.update(_PATTERN[:rest])
    return digest.hexdigest()


class Hierarchy:
    """A root, and a leaf of it for the host (and for loopback, as clients without names want it)."""

    def __init__(self, name: str, directory: Path) -> None:
        root = _core.Authority.root(_core.KeyPair.generate("p-256"), _core.CertificateSpec(f"{name} TEST", ca=True))
        key = _core.KeyPair.generate("p-256")
        leaf = root.issue(key, _core.CertificateSpec(HOST, dns=[HOST], ip=["127.0.0.1"]))
        self.credential = _core.Credential(key, [leaf])
        self.trust = directory / f"{name}-root.pem"
        self.trust.write_text(root.certificate.pem)
        self.key, self.chain = directory / f"{name}-key.pem", directory / f"{name}-chain.pem"
        self.key.write_text(key.private_pem())
        self.chain.write_text(leaf.pem)


class Between:
    def __init__(self, directory: Path, mode: Mode, **options: Any) -> None:
        self.mode = mode
        self.genuine, self.test_ca = Hierarchy("genuine", directory), Hierarchy("other", directory)
        options = {"hosts": {HOST: "127.0.0.1"}, "private_addresses": True, **options}
        self.interceptor = _core.Interceptor(_core.Loop(), upstream_trust=str(self.genuine.trust), **options)
        self._contacts: Queue[dict[str, Any]] = Queue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    @property
    def trust(self) -> str:
        """What a client has to trust to be served."""
        return str((self.genuine if self.mode == "pass-through" else self.test_ca).trust)

    def contact(self) -> dict[str, Any]:
        """The next connection that has ended."""
        try:
            return self._contacts.get(timeout=_PATIENCE_S)
        except Empty:
            raise AssertionError(f"still open: {self.interceptor.open()}") from None

    def close(self) -> None:
        self.interceptor.end_all()
        self._stopping.set()
        self._thread.join()

    def _answer(self) -> None:
        while not self._stopping.is_set():
            event = self.interceptor.next(0.02)
            if event is None:
                continue
            if "seen" in event:
                self._contacts.put(event)
            elif self.mode == "pass-through":
                self.interceptor.pass_through(event["id"], self.mode)
            else:
                self.interceptor.stage(event["id"], self.mode, self.test_ca.credential)


@contextlib.contextmanager
def between(directory: Path, mode: Mode, **options: Any) -> Iterator[Between]:
    made = Between(directory, mode, **options)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def origin(hierarchy: Hierarchy, *where: str) -> Iterator[int]:
    """Node's server; its port."""
    argv = ["node", str(SUPPORT / "origin.mjs"), str(hierarchy.key), str(hierarchy.chain), *where]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline())
        finally:
            process.terminate()
