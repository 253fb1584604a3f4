"""A real mitmdump behind the interceptor's face shows the same facts as our own interceptor, or says why not."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pindrill import _core
from pindrill.audits.facts import Contact
from pindrill.audits.interception import Interceptor
from pindrill.audits.showing import What, show
from pindrill.classify import Shape, refusal_alert, shape
from pindrill.machine.names import own_address
from pindrill.mint import Mint
from pindrill.mitm.install import Mitmdump
from pindrill.mitm.interceptor import MitmInterceptor
from pindrill.mitm.process import MitmproxyFailed
from pindrill.model import GENUINE, HOST, ROGUE, TRUSTED_ROOTS, Served
from support.mitm import mitmdump_or_skip

WAYS = ("proxy", "socks", "reverse", "direct")
PATIENCE_S = 60.0
RESPONSE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
WRONG_PIN = ("--pinnedpubkey", "sha256//" + "A" * 43 + "=")
LOOPBACK = "127.0.0.1"


@pytest.fixture(scope="module")
def mitmdump() -> Mitmdump:
    return mitmdump_or_skip()


class Bench:
    """A genuine server, both interceptors in front of it, and curl."""

    def __init__(self, mint: Mint, directory: Path, mitmdump: Mitmdump, stack: ExitStack) -> None:
        self.mint = mint
        self.trust = directory / "trust.pem"
        self.trust.write_text(mint.trust_pem(TRUSTED_ROOTS))
        self.loop = _core.Loop()
        context = _core.ServerContext(alpn=["http/1.1"])
        # Direct ways in keep the port, so it must be free on each address: nobody else has these.
        self.upstream, own, other = (own_address() for _ in range(3))
        self.addresses = {"own": own, "mitmproxy": other}
        self.genuine = _core.Server(self.loop, self.upstream, 0, context, "genuine", mint.credential(GENUINE), RESPONSE)
        options: dict[str, Any] = {
            "hosts": {HOST: self.upstream},
            "private_addresses": True,
            "upstream_trust": str(self.trust),
        }
        mitm = MitmInterceptor(mitmdump, **options)
        stack.callback(mitm.close)
        self.mitm = mitm
        self.both: dict[str, Interceptor] = {"mitmproxy": mitm, "own": _core.Interceptor(self.loop, **options)}
        self.ports: dict[tuple[str, str], int] = {}

    def port(self, interceptor: str, way: str) -> int:
        key = (interceptor, way)
        if key not in self.ports:
            upstream = (HOST, self.genuine.port) if way == "reverse" else None
            wanted = self.genuine.port if way == "direct" else 0
            self.ports[key] = self.both[interceptor].listen(way, self.addresses[interceptor], wanted, upstream)
        return self.ports[key]

    def curl(self, interceptor: str, way: str, *options: str) -> subprocess.Popen[str]:
        port = self.port(interceptor, way)
        address = self.addresses[interceptor]
        schemes = {"proxy": "http", "socks": "socks5h"}
        if way in schemes:
            chosen, port = ["--proxy", f"{schemes[way]}://{address}:{port}"], self.genuine.port
        else:
            chosen = ["--resolve", f"{HOST}:{port}:{address}"]
        command = ["curl", "-sS", "--max-time", "60", *chosen, *options, f"https://{HOST}:{port}/pd7s{'a' * 24}"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def contact(self, interceptor: str, way: str, served: Served | None, *options: str) -> tuple[Contact, str]:
        with self.curl(interceptor, way, *options) as client:
            facts = self.until_contact(self.both[interceptor], served)
            said = client.communicate()[0]
        return Contact.from_dict({**facts, "answered_at": facts["seen"]["response_sent_at"]}), said

    def until_contact(self, interceptor: Interceptor, served: Served | None) -> dict[str, Any]:
        while True:
            event = interceptor.next(PATIENCE_S)
            assert event, "nothing happened"
            if "seen" in event:
                return event
            if served is None:
                interceptor.pass_through(event["id"], "pass-through")
            else:
                interceptor.stage(event["id"], "trusted-ca", self.mint.credential(served))


@pytest.fixture(scope="module")
def bench(mint: Mint, mitmdump: Mitmdump, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(mint, tmp_path_factory.mktemp("mitm"), mitmdump, stack)


CASES: dict[str, tuple[Served | None, tuple[str, ...]]] = {
    "passed through": (None, ("--cacert", "{trust}")),
    "read": (ROGUE, ("--cacert", "{trust}")),
    "read, TLS 1.2": (ROGUE, ("--cacert", "{trust}", "--tls-max", "1.2")),
    "refused after the handshake": (ROGUE, ("--cacert", "{trust}", *WRONG_PIN)),
    "refused with an alert": (ROGUE, ()),
    "refused with an alert, TLS 1.2": (ROGUE, ("--tls-max", "1.2")),
    "a chain signed with another key": (
        Served(key="leaf-current", signing_key="leaf-rogue"),
        ("--cacert", "{trust}"),
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", WAYS)
def test_both_interceptors_see_the_same(way: str, case: str, bench: Bench) -> None:
    served, options = CASES[case]
    chosen = [option.replace("{trust}", str(bench.trust)) for option in options]
    (own, _), (other, _) = (bench.contact(name, way, served, *chosen) for name in ("own", "mitmproxy"))
    for contact in (own, other):
        assert not contact.failure
        assert not contact.upstream_failure
    assert show(other).what == show(own).what
    assert shape(other.seen, 0) == shape(own.seen, 0)
    assert other.destination == own.destination
    assert other.stack == own.stack
    assert other.seen.secrets == own.seen.secrets
    assert refusal_alert(other.seen) == refusal_alert(own.seen)
    assert bool(other.seen.response_sent_at) == bool(own.seen.response_sent_at)
    assert other.passed_version == own.passed_version
    assert other.passed_records == own.passed_records
    assert other.seen.data_bytes == own.seen.data_bytes


def test_where_its_own_event_would_mislead_is_told(bench: Bench) -> None:
    before = bench.mitm.told.misled.copy()
    contact, _ = bench.contact("mitmproxy", "proxy", ROGUE, "--cacert", str(bench.trust), *WRONG_PIN)
    assert shape(contact.seen, 0) is Shape.AFTER_HANDSHAKE
    more = bench.mitm.told.misled - before
    assert list(more) == ["tls_established_client, but the client completed the handshake and closed without data"]
    assert "would have misled on" in bench.mitm.told.lines()[0]


def connected(bench: Bench, way: str) -> socket.socket:
    return socket.create_connection((bench.addresses["mitmproxy"], bench.port("mitmproxy", way)), timeout=PATIENCE_S)


def next_contact(bench: Bench) -> Contact:
    facts = bench.until_contact(bench.mitm, ROGUE)
    return Contact.from_dict({**facts, "answered_at": 0})


def shown_the_rogue(bench: Bench) -> socket.socket:
    """A connection of which the flight has come."""
    connection = connected(bench, "reverse")
    context = ssl._create_unverified_context()
    outgoing = ssl.MemoryBIO()
    engine = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        engine.do_handshake()
    connection.sendall(outgoing.read())
    event = bench.mitm.next(PATIENCE_S)
    assert event is not None
    bench.mitm.stage(event["id"], "trusted-ca", bench.mint.credential(ROGUE))
    assert connection.recv(65536)
    return connection


def test_a_client_that_closes_after_mitmproxy_refused_nothing(bench: Bench) -> None:
    with shown_the_rogue(bench) as connection:
        connection.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        while connection.recv(65536):
            pass
    contact = next_contact(bench)
    assert shape(contact.seen, 0) is Shape.OPEN
    assert contact.failure.startswith("mitmproxy closed the connection first")
    assert show(contact).what is What.NOTHING


def test_a_reset_is_told_from_a_fin(bench: Bench) -> None:
    for how in ("fin", "reset"):
        connection = shown_the_rogue(bench)
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()
        contact = next_contact(bench)
        assert contact.seen.ended == how
        assert shape(contact.seen, 0) is (Shape.SILENT_FIN if how == "fin" else Shape.SILENT_RESET)


def test_plain_text_is_handed_on_and_told(bench: Bench) -> None:
    with connected(bench, "reverse") as connection:
        connection.sendall(f"GET /pd7s{'b' * 24} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    contact = next_contact(bench)
    assert contact.condition is None
    assert contact.seen.plaintext
    assert contact.plaintext_forwarded
    assert contact.seen.secrets == ("pd7s" + "b" * 24,)


def test_garbage_is_no_contact_that_could_be_judged(bench: Bench) -> None:
    with connected(bench, "socks") as connection:
        connection.sendall(b"\x80garbage\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(100):
            pass
    assert next_contact(bench).condition is None


def test_a_hello_without_end_is_cut_off(bench: Bench) -> None:
    begins = b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + bytes(16379)
    with connected(bench, "reverse") as connection, pytest.raises(OSError, match=r"reset|Broken pipe"):
        connection.sendall(begins + 10_000 * (b"\x16\x03\x01\x40\x00" + bytes(16384)))
    assert next_contact(bench).failure == "a ClientHello that never ends"


def test_an_upstream_that_does_not_verify_is_an_error_for_the_client(
    mint: Mint, mitmdump: Mitmdump, bench: Bench
) -> None:
    interceptor = MitmInterceptor(mitmdump, hosts={HOST: bench.upstream}, private_addresses=True)
    try:
        bench.both["mitmproxy"], kept = interceptor, bench.both["mitmproxy"]
        ports, bench.ports = bench.ports, {}
        contact, said = bench.contact("mitmproxy", "proxy", ROGUE, "--insecure")
    finally:
        bench.both["mitmproxy"], bench.ports = kept, ports
        interceptor.close()
    assert "hello" not in said
    assert contact.upstream_failure
    assert not contact.seen.flight_made_at
    assert not contact.seen.data_bytes


def test_private_addresses_are_not_reached_unless_allowed(mitmdump: Mitmdump) -> None:
    interceptor = MitmInterceptor(mitmdump)
    try:
        port = interceptor.listen("proxy", LOOPBACK, 0)
        client = subprocess.run(
            ["curl", "-sS", "--proxy", f"http://127.0.0.1:{port}", "http://127.0.0.1:1/"],
            capture_output=True,
            text=True,
            check=False,
        )
        event = interceptor.next(PATIENCE_S)
    finally:
        interceptor.close()
    assert event is not None
    assert "private address" in event["upstream_failure"]
    assert "private address" in client.stdout + client.stderr


def test_a_mitmdump_that_dies_is_an_error_and_no_silence(mitmdump: Mitmdump) -> None:
    interceptor = MitmInterceptor(mitmdump)
    try:
        interceptor.listen("proxy", LOOPBACK, 0)
        assert interceptor.next(0.01) is None
        os.kill(interceptor.pids[0], signal.SIGKILL)
        with pytest.raises(MitmproxyFailed, match=r"mitmdump died \(signal 9\)"):
            interceptor.next(PATIENCE_S)
        with pytest.raises(MitmproxyFailed, match="mitmdump died"):
            interceptor.open()
    finally:
        interceptor.close()


def test_nothing_stays_behind(mitmdump: Mitmdump) -> None:
    interceptor = MitmInterceptor(mitmdump)
    interceptor.listen("proxy", LOOPBACK, 0)
    [pid] = interceptor.pids
    interceptor.close()
    assert not Path(f"/proc/{pid}").exists()


LATE_CHECKER = """
import socket, ssl, sys
address, port, place = sys.argv[1], int(sys.argv[2]), sys.argv[3]
connection = socket.create_connection((address, port))
secured = ssl._create_unverified_context().wrap_socket(connection, server_hostname=place)
secured.sendall(f"GET /x HTTP/1.1\\r\\nHost: {place}\\r\\n\\r\\n".encode())
secured.close()
"""


def test_an_answer_that_is_held_back_shows_who_checks_too_late(bench: Bench) -> None:
    port = bench.port("mitmproxy", "reverse")
    with subprocess.Popen(
        [sys.executable, "-c", LATE_CHECKER, bench.addresses["mitmproxy"], str(port), HOST]
    ) as client:
        question = bench.mitm.next(PATIENCE_S)
        assert question is not None
        bench.mitm.stage(question["id"], "trusted-ca", bench.mint.credential(ROGUE), 0.25)
        facts = bench.mitm.next(PATIENCE_S)
        assert client.wait(PATIENCE_S) == 0
    assert facts is not None
    contact = Contact.from_dict({**facts, "answered_at": facts["seen"]["response_sent_at"]})
    assert contact.seen.data_bytes
    assert contact.seen.ended != "open"
    assert not contact.answered_at or contact.seen.ended_at < contact.answered_at
