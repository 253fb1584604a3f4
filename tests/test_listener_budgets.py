"""What one peer can take of a listener: the station's page and the DNS server, with idle and slow connections."""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import struct
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import dnslib
import pytest
from pindrill.audits import dns
from pindrill.audits.dns import DnsAnswerer
from pindrill.machine import served
from pindrill.machine.served import ConnectionBudget, ServedClients
from pindrill.station import serving
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

PATIENCE_S = 20.0
SHORT_S = 0.5


def test_a_budget_has_a_share_for_each_client() -> None:
    budget = ConnectionBudget(most=3, most_of_one=2)
    assert [budget.take(client) for client in "aaabb"] == [True, True, False, True, False]
    budget.give_back("a")
    assert budget.take("b")


@pytest.mark.parametrize(
    ("address", "is_served"),
    [
        ("10.0.0.7", True),
        ("::ffff:10.0.0.7", True),
        ("10.0.1.7", False),
        ("2001:db8::5", True),
        ("fe80::1%eth0", True),
        ("2001:db8::6", False),
    ],
)
def test_who_is_served(address: str, is_served: bool) -> None:
    assert (address in ServedClients(["10.0.0.1/24", "2001:db8::5", "fe80::/10"])) is is_served


@pytest.mark.parametrize(
    ("files", "most"), [(1024, 384), (128, 16), (1 << 20, 20_000), (resource.RLIM_INFINITY, 20_000)]
)
def test_the_interceptor_leaves_files_for_the_rest(monkeypatch: pytest.MonkeyPatch, files: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert served.most_passages() == most


def until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return met


def ended(connection: socket.socket) -> bool:
    """Has the other side closed it?"""
    if not select.select([connection], [], [], 0)[0]:
        return False
    with contextlib.suppress(OSError):
        return connection.recv(1) == b""
    return True


# --- the page --------------------------------------------------------------------------------------------------


@contextmanager
def page(*, clients: tuple[str, ...] = ("127.0.0.1",), most_of_one: int = 16) -> Iterator[int]:
    application = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here " * 1_000_000))])
    server = serving.page_server(
        application, ServedClients(clients), ConnectionBudget(most=64, most_of_one=most_of_one)
    )
    listening = serving.listen("127.0.0.1", 0)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]))
    thread.start()
    try:
        assert until(lambda: server.started)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        listening.close()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S) as answer:
            return bool(answer.read(4) == b"here")
    except OSError:
        return False


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_connection_of_the_page_that_idles_is_ended(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """Before a request, in the midst of one, and where the answer is not taken."""
    monkeypatch.setattr(serving, "REQUEST_S", SHORT_S)
    with page(most_of_one=1) as port, socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.connect(("127.0.0.1", port))
        idle.sendall(said)
        assert until(lambda: answers(port)), "its place is not given back"


def test_more_connections_than_a_share_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUEST_S", 60.0)
    with page() as port, ExitStack() as stack:
        every = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(100)]
        assert until(lambda: sum(map(ended, every)) == 100 - 16)


def test_the_page_is_for_those_who_are_served_and_for_its_own_machine() -> None:
    with page(clients=("10.0.0.1",)) as port:
        assert answers(port), "from the address that it listens on"
        with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0)) as other:
            assert until(lambda: ended(other))
    with (
        page(clients=("127.0.0.2",)) as port,
        socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0)) as phone,
    ):
        phone.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert phone.recv(8) == b"HTTP/1.1"


# --- DNS -------------------------------------------------------------------------------------------------------


@pytest.fixture
def answerer() -> Iterator[DnsAnswerer]:
    made = DnsAnswerer("127.0.0.1", 0, names=["shop.test"], target="127.0.0.9", clients=["127.0.0.1"])
    yield made
    made.close()


def resolves(answerer: DnsAnswerer, *, tcp: bool) -> bool:
    question = dnslib.DNSRecord.question("shop.test", "A")
    try:
        answer = dnslib.DNSRecord.parse(question.send("127.0.0.1", answerer.port, tcp=tcp, timeout=2))
    except (OSError, dnslib.DNSError, struct.error):
        return False
    return [str(each.rdata) for each in answer.rr] == ["127.0.0.9"]


@pytest.mark.parametrize("said", [b"", b"\x00", b"\xff\xff" + b"x" * 1000])
def test_idle_dns_connections_cost_a_share_of_threads_and_end(
    answerer: DnsAnswerer, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(dns, "_CONNECTION_S", SHORT_S)
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(300):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", answerer.port)))
            with contextlib.suppress(OSError):
                idle.sendall(said)
        assert threading.active_count() <= before + 64
        assert resolves(answerer, tcp=False)
        assert until(lambda: resolves(answerer, tcp=True)), "their places are not given back"
    assert until(lambda: threading.active_count() <= before)


def test_a_question_that_drips_is_ended(answerer: DnsAnswerer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "_CONNECTION_S", SHORT_S)
    with socket.create_connection(("127.0.0.1", answerer.port)) as dripping:
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in b"\x00\x40" + bytes(64):
                dripping.send(bytes([byte]))
                time.sleep(0.1)
        assert time.monotonic() - begun < 5


def test_whoever_is_not_served_costs_no_thread(answerer: DnsAnswerer, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(dns._Tcp, "process_request", lambda self, request, client: started.append(client))
    with socket.create_connection(("127.0.0.1", answerer.port), source_address=("127.0.0.2", 0)) as other:
        assert until(lambda: ended(other))
    assert started == []
