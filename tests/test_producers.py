"""Whoever watches a connection tells every fact of it: the server, the interceptor, and the addon in mitmproxy."""

from __future__ import annotations

import socket
import struct
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pindrill import _core
from pindrill.audits.facts import Contact
from pindrill.classify import Shape, is_garbage, shape
from pindrill.mitm.inside.facts import Facts
from pindrill.mitm.inside.hello import begins_tls
from pindrill.mitm.interceptor import MitmInterceptor
from pindrill.model import Alert, ClientHello, Observation
from support.interception import HOST, Between, between
from support.lab import laboratory
from support.mitm import mitmdump_or_skip

SECRET = "pd7s" + "0" * 24
PATIENCE_S = 60.0


def ssl2_hello() -> bytes:
    """RFC 5246 appendix E.2, offering what a server of TLS 1.2 takes."""
    suites = b"\x00\xc0\x2b\x00\xc0\x2f\x00\x00\xff"
    body = b"\x01\x03\x03" + struct.pack(">HHH", len(suites), 0, 32) + suites + bytes(32)
    return struct.pack(">H", 0x8000 | len(body)) + body


def names(kind: type[Any]) -> set[str]:
    return {each.name for each in fields(kind)}


@pytest.fixture
def server() -> _core.Server:
    key = _core.KeyPair.generate("p-256")
    credential = _core.Credential(key, [_core.self_signed(key, _core.CertificateSpec(HOST, dns=[HOST]))])
    return _core.Server(_core.Loop(), "127.0.0.1", 0, _core.ServerContext(), "1.1", credential, "x")


def told_by_server(server: _core.Server, data: bytes) -> dict[str, Any]:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    assert server.settle(PATIENCE_S)
    return server.observations()[-1]


def told_by_interceptor(middle: Between, upstream: int, data: bytes) -> dict[str, Any]:
    port = middle.interceptor.listen("reverse", "127.0.0.1", 0, (HOST, upstream))
    with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    return middle.contact()


def test_each_tells_every_fact(server: _core.Server, tmp_path: Path) -> None:
    seen = told_by_server(server, ssl2_hello())
    with between(tmp_path, "trusted-ca") as middle:
        contact = told_by_interceptor(middle, server.port, ssl2_hello())
    facts = Facts(1, "proxy", "127.0.0.1")
    facts.alert(sent=False, level=2, number=42)
    addon = facts.to_json()
    for each in (seen, contact["seen"], addon["seen"]):
        assert each.keys() == names(Observation)
    assert seen["hello"].keys() == contact["seen"]["hello"].keys() == names(ClientHello)
    assert addon["seen"]["alerts"][0].keys() == names(Alert)
    by_the_pump = {"run", "answered_at", "readable", "destination"}
    for told in (contact.keys(), addon.keys()):
        assert names(Contact) - told <= by_the_pump


@pytest.mark.parametrize("fact", sorted(names(Observation)))
def test_a_fact_that_is_missing_is_an_error(server: _core.Server, fact: str) -> None:
    told = told_by_server(server, b"GET / HTTP/1.1\r\n\r\n")
    assert Observation.from_dict(told)
    with pytest.raises((TypeError, KeyError), match=fact):
        Observation.from_dict({name: value for name, value in told.items() if name != fact})


BEGINNINGS = {
    "a request": (b"GET / HTTP/1.1\r\nHost: app.pin.test\r\n\r\n", False),
    "garbage with the highest bit": (b"\x80garbage", False),
    "a length, then no ClientHello": (b"\x80\x20\x02\x03\x03", False),
    "a length, then another version": (b"\x80\x20\x01\x07\x07", False),
    "the ClientHello of SSL 2.0": (ssl2_hello(), True),
    "half of it": (ssl2_hello()[:20], True),
    "too little to tell": (ssl2_hello()[:4], False),
    "half a record": (b"\x16\x03", True),
}


@pytest.mark.parametrize(("data", "tls"), BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_they_agree_on_what_is_tls(server: _core.Server, tmp_path: Path, data: bytes, tls: bool) -> None:
    seen = told_by_server(server, data)
    with between(tmp_path, "trusted-ca") as middle:
        contact = told_by_interceptor(middle, server.port, data)
    assert (seen["plaintext"], contact["seen"]["plaintext"]) == (not tls, not tls)
    assert bool(begins_tls(data)) == tls


def test_an_ssl2_hello_is_no_plain_text_to_mitmproxy_either(tmp_path: Path) -> None:
    mitmdump = mitmdump_or_skip()
    with laboratory(tmp_path / "lab", ("pinned",)) as lab:
        mitm = MitmInterceptor(mitmdump, hosts={"pinned.lab.test": "127.0.0.1"}, private_addresses=True)
        with closing(mitm):
            port = mitm.listen("reverse", "127.0.0.1", 0, ("127.0.0.1", lab.port))
            with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)) as client:
                client.sendall(ssl2_hello())
                client.shutdown(socket.SHUT_WR)
                assert client.recv(65536) == b""
            told = mitm.next(PATIENCE_S)
    assert told
    seen = Observation.from_dict(told["seen"])
    assert not seen.plaintext
    assert not is_garbage(seen)
    assert shape(seen, 0) is Shape.NO_HELLO
    assert "SSL 2.0" in told["failure"]


def test_plain_text_behind_tls_is_told_by_all(tmp_path: Path) -> None:
    """What stands in the bytes as they are, before any engine takes them."""
    facts = Facts(1, "reverse", "127.0.0.1")
    facts.decide("trusted-ca")
    facts.received(b"\x16\x03\x01\x00\x05hello")
    facts.nobody_reads()
    facts.received(f"GET /{SECRET} HTTP/1.1\r\n".encode())
    seen = Observation.from_dict(facts.to_json()["seen"])
    assert shape(seen, 0) is Shape.PLAINTEXT
    assert seen.unread_bytes == len(f"GET /{SECRET} HTTP/1.1\r\n")
