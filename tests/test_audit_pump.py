"""The pump of an audit on a real interceptor: what could not be seen is told."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any

import pytest
from pindrill import _core
from pindrill.audits import reading
from pindrill.audits.facts import Contact
from pindrill.audits.forge import Forge
from pindrill.audits.interception import Pump
from pindrill.audits.readable import drop_plaintext
from pindrill.audits.schedule import Schedule
from pindrill.keyring import Keyring
from support.contacts import read


def gaps_after(count: int, *, refused: int, **options: Any) -> list[str]:
    """What is told after this many connections that say nothing, the last of which are closed at once."""
    interceptor = _core.Interceptor(_core.Loop(), **options)
    pump = Pump(interceptor, Schedule(per_start=False), Forge(Keyring()), lambda contact: None)
    port = interceptor.listen("proxy", "127.0.0.1", 0)
    opened = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(count)]
    for each in opened[count - refused :]:
        assert each.recv(1) == b""
    for each in opened:
        each.close()
    pump.settle(20)
    pump.close()
    assert pump.trouble == ""
    return pump.gaps


def test_clients_that_are_not_served() -> None:
    assert gaps_after(2, refused=2, clients=["192.0.2.0/24"]) == [
        "connections from addresses that are not served: 2; --client NETWORK serves them"
    ]


def test_more_connections_than_are_watched() -> None:
    assert gaps_after(3, refused=2, max_connections=1) == [
        "connections closed unseen, because there were too many at once: 2"
    ]


def test_nothing_is_missing() -> None:
    assert gaps_after(3, refused=0) == []


# --- reading what clients said ---------------------------------------------------------------------------------


def test_one_slow_reader_delays_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """While what one client said is still being read, another one is answered and passed through."""
    being_read, go_on = threading.Event(), threading.Event()

    def slow(contact: Contact) -> Contact:
        if contact.plaintext:
            being_read.set()
            assert go_on.wait(60)
        return drop_plaintext(contact)

    monkeypatch.setattr(reading, "drop_plaintext", slow)
    noted: list[Contact] = []
    interceptor = _core.Interceptor(_core.Loop(), private_addresses=True)
    pump = Pump(interceptor, Schedule(per_start=False), Forge(Keyring()), noted.append)
    port = interceptor.listen("proxy", "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        where = f"127.0.0.1:{upstream.getsockname()[1]}"
        with connected(port, where) as hostile:
            upstream.accept()[0].close()
            hostile.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert being_read.wait(20)
        with connected(port, where) as other:
            passed, _ = upstream.accept()
            hello = client_hello()
            other.sendall(hello)
            passed.settimeout(20)
            assert passed.recv(len(hello), socket.MSG_WAITALL) == hello
            passed.close()
        assert noted == []
        go_on.set()
        pump.settle(20)
        pump.close()
    assert pump.trouble == ""
    assert [bool(each.readable) for each in noted] == [True, False]


def connected(port: int, where: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(f"CONNECT {where} HTTP/1.1\r\n\r\n".encode())
    assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    return client


def client_hello() -> bytes:
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="app.pin.test").do_handshake()
    return out.read()


def test_more_than_can_be_read_in_time_is_told_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(reading, "drop_plaintext", lambda contact: go_on.wait(60) and drop_plaintext(contact))
    monkeypatch.setattr(reading, "_MOST_WAITING", 100)
    noted: list[Contact] = []
    reader = reading.ReadingThread(noted.append)
    for _ in range(5):
        reader.add(read(plaintext=b"\x10" * 60))
    go_on.set()
    reader.close(60)
    names = [each.readable[0].name for each in noted]
    assert len(names) == 5
    assert names.count("too much came at once") in (3, 4), names  # one may have been taken before the next came


def test_a_contact_that_cannot_be_noted_is_a_trouble() -> None:
    def full(contact: Contact) -> None:
        raise OSError("no space left")

    reader = reading.ReadingThread(full)
    reader.add(read())
    reader.close(60)
    assert reader.trouble == "a connection could not be noted: no space left"
