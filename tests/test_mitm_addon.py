"""The addon alone, in an ordinary set-up of mitmproxy: verdicts as traffic comes."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pindrill import _core
from pindrill.mint import Mint
from pindrill.mitm.install import ADDON
from pindrill.model import GENUINE, HOST, SIBLING_HOST, TRUSTED_ROOTS
from support.mitm import mitmdump_or_skip

RESPONSE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
SCRIPTS = sysconfig.get_path("scripts")
"""Where pindrill is: its judge runs beside mitmdump."""
MISLEADS = "mitmproxy's own event would mislead here: tls_established_client, but the client completed the handshake"
RESOLVER = """
class Resolver:
    def server_connect(self, data):
        data.server.sni = data.server.sni or data.server.address[0]
        data.server.address = ("127.0.0.1", data.server.address[1])

addons = [Resolver()]
"""


class SetUp:
    """Somebody's mitmdump: its own CA, its own options, an addon of theirs beside ours."""

    def __init__(self, mint: Mint, directory: Path) -> None:
        self.directory = directory
        self.output = directory / "output"
        self.path = f"{SCRIPTS}:{os.environ['PATH']}"
        credential = mint.credential(GENUINE.name(HOST, SIBLING_HOST))
        self.loop = _core.Loop()
        self.servers = [
            _core.Server(self.loop, "127.0.0.1", 0, _core.ServerContext(), "genuine", credential, RESPONSE)
            for _ in range(2)
        ]
        self.pin = base64.b64encode(hashlib.sha256(credential.key.spki).digest()).decode()
        self.genuine_trust = directory / "trust.pem"
        self.genuine_trust.write_text(mint.trust_pem(TRUSTED_ROOTS))
        (directory / "resolver.py").write_text(RESOLVER)
        self.mitmdump: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self, *options: str) -> None:
        self.run(str(mitmdump_or_skip().path), f"--scripts={ADDON}", *options)

    def run(self, *command: str) -> None:
        """With the options that come last."""
        self.port = free_port()
        with self.output.open("wb") as output:
            self.mitmdump = subprocess.Popen(
                [
                    *command,
                    "--listen-host=127.0.0.1",
                    f"--listen-port={self.port}",
                    "--set=flow_detail=0",
                    f"--set=confdir={self.directory}",
                    f"--set=ssl_verify_upstream_trusted_ca={self.genuine_trust}",
                    f"--scripts={self.directory / 'resolver.py'}",
                ],
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PATH": self.path},
            )
        while not listens(self.port):
            assert self.mitmdump.poll() is None, self.text
        ca = self.directory / "mitmproxy-ca-cert.pem"
        (self.directory / "both.pem").write_text(ca.read_text() + self.genuine_trust.read_text())

    def curl(self, server: int, host: str, *options: str) -> int:
        command = ["curl", "-sS", "--max-time", "60", "--proxy", f"http://127.0.0.1:{self.port}", *options]
        done = subprocess.run(
            [*command, f"https://{host}:{self.servers[server].port}/"], capture_output=True, check=False
        )
        return done.returncode

    def pinned_client(self) -> int:
        return self.curl(0, HOST, "--cacert", str(self.directory / "both.pem"), "--pinnedpubkey", f"sha256//{self.pin}")

    def unpinned_client(self) -> int:
        return self.curl(1, SIBLING_HOST, "--cacert", str(self.directory / "both.pem"))

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def words(self, server: int, host: str) -> list[str]:
        """The verdicts that were printed of a destination, in order."""
        mark = f"pindrill: {host}:{self.servers[server].port} "
        found = [line.partition(mark)[2].partition(":")[0] for line in self.text.splitlines() if mark in line]
        return list(dict.fromkeys(word for word in found if not word.startswith("(")))

    def wait_for(self, text: str) -> None:
        """A verdict is printed when a connection is over, which may be after its client has ended."""
        assert self.mitmdump
        while text not in self.text:
            assert self.mitmdump.poll() is None, self.text
            time.sleep(0.02)

    @property
    def judge(self) -> int:
        """The process beside mitmdump, which is started a moment after it listens."""
        assert self.mitmdump
        children = Path(f"/proc/{self.mitmdump.pid}/task/{self.mitmdump.pid}/children")
        while not children.read_text():
            time.sleep(0.02)
        [pid] = children.read_text().split()
        return int(pid)

    def stop(self) -> None:
        if self.mitmdump:
            self.mitmdump.send_signal(signal.SIGTERM)
            self.mitmdump.wait(60)


def free_port() -> int:
    """Free a moment ago: mitmdump 8 cannot say which port it took."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def set_up(mint: Mint, tmp_path: Path) -> Iterator[SetUp]:
    made = SetUp(mint, tmp_path)
    yield made
    made.stop()


def verdict_on_a_careless_client(set_up: SetUp) -> str:
    for _ in range(12):
        assert set_up.curl(1, SIBLING_HOST, "--insecure") == 0
        if "no-validation" in set_up.words(1, SIBLING_HOST):
            break
    set_up.stop()
    return set_up.words(1, SIBLING_HOST)[-1]


def test_what_is_read_is_told_and_a_refusal_is_no_pinning_without_controls(set_up: SetUp) -> None:
    set_up.start()
    for _ in range(3):
        assert set_up.unpinned_client() == 0
        assert set_up.pinned_client() == 90
    set_up.wait_for(MISLEADS)
    set_up.stop()
    assert set_up.words(1, SIBLING_HOST) == ["intercepted"]
    assert set_up.words(0, HOST) == ["inconclusive"]
    assert "never seen to work when passed through" in set_up.text
    assert "--set pindrill_controls=true" in set_up.text
    assert MISLEADS in set_up.text


def test_with_controls_a_pinned_destination_is_called_pinned(set_up: SetUp) -> None:
    set_up.start("--set=pindrill_controls=true")
    for _ in range(30):
        set_up.unpinned_client()
        set_up.pinned_client()
        if "pinned (pin or private trust anchor)" in set_up.words(0, HOST):
            break
    set_up.stop()
    assert set_up.words(0, HOST)[-1] == "pinned (pin or private trust anchor)", set_up.text
    assert set_up.words(1, SIBLING_HOST)[-1] == "intercepted"
    assert "the same TLS stack trusts the test CA" in set_up.text


def test_a_client_that_validates_nothing_is_told_with_controls(set_up: SetUp) -> None:
    set_up.start("--set=pindrill_controls=true")
    assert verdict_on_a_careless_client(set_up) == "no-validation"


def test_hosts_that_the_user_ignores_are_the_control(set_up: SetUp) -> None:
    set_up.start(f"--ignore-hosts={HOST}")
    assert set_up.pinned_client() == 0
    set_up.wait_for("it was only passed through so far")
    set_up.stop()
    assert set_up.words(0, HOST) == ["inconclusive"]
    assert "it was only passed through so far" in set_up.text


def test_pindrill_starts_the_mitmdump_of_its_choice_with_controls(set_up: SetUp) -> None:
    """Where no pindrill is on PATH, it says which it is."""
    set_up.path = os.defpath
    mitmdump = str(mitmdump_or_skip().path)
    set_up.run(sys.executable, "-m", "pindrill", "mitm", "watch", "--controls", "--mitmdump", mitmdump, "--")
    assert verdict_on_a_careless_client(set_up) == "no-validation"


def test_a_judge_that_dies_leaves_mitmproxy_as_it_is(set_up: SetUp) -> None:
    set_up.start("--set=pindrill_controls=true")
    os.kill(set_up.judge, signal.SIGKILL)
    set_up.wait_for("pindrill: no more verdicts")
    for _ in range(3):
        assert set_up.unpinned_client() == 0
        assert set_up.pinned_client() == 90
    set_up.stop()
    assert set_up.words(1, SIBLING_HOST) == []


def test_no_judge_outlives_its_mitmproxy(set_up: SetUp) -> None:
    set_up.start()
    assert set_up.unpinned_client() == 0
    set_up.wait_for("intercepted")
    judge = set_up.judge
    assert set_up.mitmdump
    set_up.mitmdump.kill()
    set_up.mitmdump.wait()
    while Path(f"/proc/{judge}").exists():
        time.sleep(0.02)


def test_without_a_pindrill_it_says_so(set_up: SetUp) -> None:
    set_up.path = os.defpath
    set_up.start()
    set_up.wait_for("pindrill: no verdicts: the command pindrill is not on PATH")
    assert set_up.unpinned_client() == 0
