"""Whoever watches a connection tells every fact of it: the server, the interceptor, and the addon in mitmproxy."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pindrill import _core
from pindrill.audits.facts import Contact
from pindrill.audits.interception import Interceptor
from pindrill.classify import Shape, is_garbage, shape
from pindrill.mitm.interceptor import MitmInterceptor
from pindrill.model import UNKNOWN, Alert, ClientHello, Observation, Producer
from support import deeds
from support.facts import quiet
from support.interception import HOST, Between, Hierarchy, between
from support.lab import laboratory
from support.mitm import mitmdump_or_skip

PATIENCE_S = 60.0
OF_ITS_OWN_ENGINES = {"resumed", "client_certificate"}
"""What mitmproxy resumes or asks for in somebody's set-up is told there; the engines that we give it do neither."""
RESPONSE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


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


# --- every fact is told by each ------------------------------------------------------------------------------------


def unseen(told: list[dict[str, Any]]) -> dict[str, set[str]]:
    """By record: the facts that never were anything but quiet."""
    records: dict[str, list[dict[str, Any]]] = {
        "Observation": told,
        "ClientHello": [each["hello"] for each in told if each["hello"]],
        "Alert": [alert for each in told for alert in each["alerts"]],
    }
    found = {}
    for kind in (Observation, ClientHello, Alert):
        name, silence = kind.__name__, quiet(kind)
        for each in records[name]:
            assert each.keys() == silence.keys()
        nothing: tuple[Any, ...] = (None, (), [], "", 0, False)
        found[name] = {
            fact
            for fact, quiet_one in silence.items()
            if all(each[fact] in (*nothing, quiet_one) for each in records[name])
        }
    return found


def listed(producer: Producer) -> dict[str, set[str]]:
    return {record: set(facts) for record, facts in UNKNOWN[producer].items()}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server that gives tickets for early data."""
    file = tmp_path_factory.mktemp("session") / "session.pem"
    key = _core.KeyPair.generate("p-256")
    credential = _core.Credential(key, [_core.self_signed(key, _core.CertificateSpec(HOST, dns=[HOST]))])
    context = _core.ServerContext(tickets=True, max_early_data=16384)
    generous = _core.Server(_core.Loop(), "127.0.0.1", 0, context, "1", credential, RESPONSE)
    deeds.openssl(("127.0.0.1", generous.port), "-sess_out", str(file))
    return file


def test_the_server_tells_every_fact(tmp_path: Path) -> None:
    key, file = _core.KeyPair.generate("p-256"), tmp_path / "session.pem"
    leaf = _core.self_signed(key, _core.CertificateSpec(HOST, dns=[HOST]))
    context = _core.ServerContext(tickets=True, max_early_data=16384, request_client_certificate=True)
    shown = ("1.1", _core.Credential(key, [leaf]), RESPONSE)
    server = _core.Server(_core.Loop(), "127.0.0.1", 0, context, *shown)
    place = ("127.0.0.1", server.port)
    (tmp_path / "client.pem").write_text(key.private_pem() + leaf.pem)
    deeds.openssl(place, "-sess_out", str(file), "-cert", str(tmp_path / "client.pem"))
    for deed in (*deeds.DEEDS.values(), deeds.resumes(file)):
        deed(place)
    server.serve(*shown, takes_tickets=False)
    deeds.resumes(file)(place)
    assert server.settle(PATIENCE_S)
    assert unseen(server.observations()) == listed("server")


class Middle:
    """A genuine server, and what an interceptor in front of it needs."""

    def __init__(self, directory: Path) -> None:
        self.genuine, self.test_ca = Hierarchy("genuine", directory), Hierarchy("other", directory)
        self._upstream = _core.Server(
            _core.Loop(), "127.0.0.1", 0, _core.ServerContext(), "1", self.genuine.credential, RESPONSE
        )
        self.options: dict[str, Any] = {
            "hosts": {HOST: "127.0.0.1"},
            "private_addresses": True,
            "upstream_trust": str(self.genuine.trust),
        }

    def told_by(self, interceptor: Interceptor, doing: list[Callable[[deeds.Place], None]]) -> list[dict[str, Any]]:
        place = ("127.0.0.1", interceptor.listen("reverse", "127.0.0.1", 0, (HOST, self._upstream.port)))
        return [self._told(interceptor, deed, place) for deed in doing]

    def _told(
        self, interceptor: Interceptor, deed: Callable[[deeds.Place], None], place: deeds.Place
    ) -> dict[str, Any]:
        client = Thread(target=deed, args=(place,))
        client.start()
        while event := interceptor.next(PATIENCE_S):
            if "seen" in event:
                client.join()
                return event
            interceptor.stage(event["id"], "trusted-ca", self.test_ca.credential)
        raise AssertionError(interceptor.open())


@pytest.fixture(params=["interceptor", "mitmproxy"])
def told(request: pytest.FixtureRequest, session: Path, tmp_path: Path) -> tuple[Producer, list[dict[str, Any]]]:
    """By an interceptor, of all that clients do."""
    middle, doing = Middle(tmp_path), [*deeds.DEEDS.values(), deeds.resumes(session)]
    if request.param == "interceptor":
        return request.param, middle.told_by(_core.Interceptor(_core.Loop(), **middle.options), doing)
    with closing(MitmInterceptor(mitmdump_or_skip(), **middle.options)) as mitm:
        return request.param, middle.told_by(mitm, doing)


def test_an_interceptor_tells_every_fact(told: tuple[Producer, list[dict[str, Any]]]) -> None:
    producer, contacts = told
    not_seen = unseen([each["seen"] for each in contacts])
    if producer == "mitmproxy":
        assert not_seen["Observation"] >= OF_ITS_OWN_ENGINES
        not_seen["Observation"] -= OF_ITS_OWN_ENGINES
    assert not_seen == listed(producer)
    by_the_pump = {"run", "answered_at", "readable", "destination"}
    for each in contacts:
        assert names(Contact) - each.keys() <= by_the_pump
        for record, facts in (("Observation", [each["seen"]]), ("Alert", each["seen"]["alerts"])):
            for fact, instead in UNKNOWN[producer][record].items():
                assert all(values[fact] == instead for values in facts)


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
    assert (_core.begins(data) == "tls") == tls


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
