"""What the addon tells is read in pindrill as our own server and interceptor read it, by the same readers."""

from __future__ import annotations

import ast
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pindrill import _core
from pindrill.mint import Mint
from pindrill.mitm.inside.addresses import private
from pindrill.mitm.recorder import KEPT_PLAINTEXT, Recorder
from pindrill.model import GENUINE, Observation
from support.interception import HOST, between

INSIDE = Path(__file__).parents[1] / "pybind" / "pindrill" / "mitm" / "inside"
SECRET = "pd7s" + "0123456789abcdef01234567"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
HEADERS = bytes([0, 0, 3, 1, 5, 0, 0, 0, 1]) + b"abc"
DATA = bytes([0, 0, 2, 0, 1, 0, 0, 0, 1]) + b"xy"
READ = ("progress", "boilerplate_bytes", "data_bytes", "request_line", "secrets")
BEFORE_HELLO = 9
"""The headers of its record and of its message."""


@pytest.fixture(scope="module")
def server(mint: Mint) -> _core.Server:
    return _core.Server(_core.Loop(), "127.0.0.1", 0, _core.ServerContext(), "x", mint.credential(GENUINE), "")


def recorder(**options: Any) -> Recorder:
    accepted = {"id": 1, "listener": 0, "way": "reverse", "client": "127.0.0.1", "label": "", "at": 1}
    return Recorder(accepted, **options)


def take(recording: Recorder, name: str, data: bytes = b"", **values: Any) -> None:
    recording.take({"event": name, "id": 1, "at": 2, **values}, data)


def seen(recording: Recorder) -> dict[str, Any]:
    found: dict[str, Any] = recording.contact()["seen"]
    return found


# --- a ClientHello -------------------------------------------------------------------------------------------------


def python_hello(host: str | None, **settings: Any) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if "alpn" in settings:
        context.set_alpn_protocols(settings["alpn"])
    if "maximum" in settings:
        context.maximum_version = settings["maximum"]
    engine = context.wrap_bio(incoming, outgoing, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        engine.do_handshake()
    return outgoing.read()


def hello_of(command: list[str]) -> bytes:
    """Of a program that connects to {port}."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        port = str(listening.getsockname()[1])
        with subprocess.Popen(
            [part.replace("{port}", port) for part in command], stdin=subprocess.PIPE, stdout=-3, stderr=-3
        ) as client:
            with listening.accept()[0] as connection:
                data = b""
                while not _core.client_hello_in(data):
                    data += connection.recv(65536)
            client.communicate()
    return data


HELLOS = {
    "python": lambda: python_hello("app.pin.test"),
    "python, TLS 1.2": lambda: python_hello("app.pin.test", maximum=ssl.TLSVersion.TLSv1_2),
    "python, h2": lambda: python_hello("app.pin.test", alpn=["h2", "http/1.1"]),
    "python, odd ALPN": lambda: python_hello("app.pin.test", alpn=["-x-"]),
    "python, no name": lambda: python_hello(None),
    "openssl": lambda: hello_of(["openssl", "s_client", "-connect", "127.0.0.1:{port}", "-servername", "a.pin.test"]),
    "curl": lambda: hello_of(["curl", "-s", "--resolve", "a.pin.test:{port}:127.0.0.1", "https://a.pin.test:{port}/"]),
}


@pytest.mark.parametrize("name", HELLOS)
def test_a_client_hello_is_the_servers(name: str, server: _core.Server) -> None:
    """As mitmproxy hands it over, and out of a stream that it ignores."""
    data = HELLOS[name]()
    before = server.connections
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(data)
        connection.recv(1)
    assert server.settle(30)
    theirs = {**server.observations()[before]["hello"], "at": 2}
    told = {"at": 2, "host": "asked.pin.test", "port": 443}
    question = recorder().hello(told, data[BEFORE_HELLO:])
    assert question["hello"] == theirs
    assert question["host"] == (theirs["sni"] or "asked.pin.test")
    ignored = recorder()
    assert ignored.passing_hello(told, data)
    assert seen(ignored)["hello"] == theirs


def test_the_stack_leaves_out_what_varies() -> None:
    plain, named = (_core.client_hello_in(python_hello(host)) for host in (None, "app.pin.test"))
    assert plain
    assert named
    assert plain["ja4"] != named["ja4"]
    assert plain["stack"] == named["stack"]


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_hostile_hellos_are_read_as_far_as_they_go(data: bytes) -> None:
    assert _core.read_client_hello(data)
    _core.client_hello_in(b"\x16\x03\x01" + data)


# --- what a client said --------------------------------------------------------------------------------------------

REQUESTS = {
    "a request": [f"GET /{SECRET}?q=v HTTP/1.1\r\nHost: x\r\n\r\n".encode()],
    "with a body": [b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\n", b"abc"],
    "a head without its end": [f"GET /{SECRET} HTTP/1.1\r\nHost: x\r\n".encode()],
    "half a line": [b"GET /x"],
    "a line in pieces": [b"GET /", SECRET[:9].encode(), SECRET[9:].encode(), b" HTTP/1.1\r\n\r\n"],
    "no HTTP": [b"\x10\x20\x00\x04MQTT"],
    "letters, no HTTP": [b"EHLO example.test\r\n"],
    "a preface": [PREFACE],
    "half a preface": [PREFACE[:11]],
    "what began like a preface": [b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"],
    "h2 boilerplate": [PREFACE + SETTINGS],
    "h2 headers": [PREFACE + SETTINGS, HEADERS],
    "h2 goaway": [PREFACE + SETTINGS, b"\0\0\x08\x07\0\0\0\0\0" + bytes(8)],
    "h2 goaway with debug data": [PREFACE + SETTINGS, b"\0\0\x0b\x07\0\0\0\0\0" + bytes(8) + b"why"],
    "h2 ping of another size": [PREFACE, b"\0\0\x09\x06\0\0\0\0\0" + bytes(9)],
    "h2 in pieces": [PREFACE[:5], PREFACE[5:] + SETTINGS[:3], SETTINGS[3:] + HEADERS + DATA],
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_a_client_said_is_read_as_by_the_server(name: str, server: _core.Server) -> None:
    before, recording = server.connections, recorder()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        context = ssl._create_unverified_context()
        with context.wrap_socket(connection, server_hostname="app.pin.test") as secured:
            for part in REQUESTS[name]:
                secured.sendall(part)
                take(recording, "readable", part)
    assert server.settle(30)
    theirs, mine = server.observations()[before], seen(recording)
    assert {each: mine[each] for each in READ} == {each: theirs[each] for each in READ}


def test_plain_text_is_read_as_by_the_interceptor(server: _core.Server, tmp_path: Path) -> None:
    data = REQUESTS["a request"][0]
    with between(tmp_path, "trusted-ca") as middle:
        port = middle.interceptor.listen("reverse", "127.0.0.1", 0, (HOST, server.port))
        with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            client.recv(65536)
        theirs = middle.contact()["seen"]
    recording = recorder()
    take(recording, "received", data[:20])
    take(recording, "plaintext", data[:20])
    take(recording, "received", data[20:])
    mine = seen(recording)
    assert mine["plaintext"]
    assert {each: mine[each] for each in READ} == {each: theirs[each] for each in READ}


def test_plain_text_behind_tls_is_told() -> None:
    """What stands in the bytes as they are, before any engine takes them."""
    recording, request = recorder(), f"GET /{SECRET} HTTP/1.1\r\n".encode()
    take(recording, "decided", label="trusted-ca", passing=False)
    take(recording, "received", b"\x16\x03\x01\x00\x05hello")
    take(recording, "unread")
    take(recording, "received", request)
    assert seen(recording)["plain_secrets"] == [SECRET]
    assert seen(recording)["unread_bytes"] == len(request)
    assert not seen(recording)["data_bytes"]


def test_what_a_client_said_is_neither_told_nor_kept() -> None:
    recording = recorder(kept=0)
    take(
        recording,
        "readable",
        f"GET /{SECRET}/aGVsbG8gd29ybGQ/x?token=hunter2 HTTP/1.1\r\nCookie: hunter2\r\n\r\n".encode(),
    )
    contact = recording.contact()
    assert contact["plaintext"] == b""
    assert "hunter2" not in repr(contact)
    line = Observation.from_dict(contact["seen"]).request_line
    assert line == "GET /<secret>/<15 chars>/x?<redacted> HTTP/1.1"


def test_a_flood_fills_nothing() -> None:
    recording, flood = recorder(), bytes(1024 * 1024)
    for _ in range(8):
        take(recording, "received", flood)
        take(recording, "readable", flood)
    assert seen(recording)["bytes_in"] == seen(recording)["data_bytes"] == 8 * len(flood)
    assert len(recording.contact()["plaintext"]) == KEPT_PLAINTEXT
    assert len(recording._undecided) < len(flood)


# --- records from outside ------------------------------------------------------------------------------------------


def record(kind: int, size: int) -> bytes:
    return bytes([kind, 3, 3]) + size.to_bytes(2, "big") + bytes(size)


def cut(data: bytes, step: int) -> Iterable[bytes]:
    return (data[at : at + step] for at in range(0, len(data), step))


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize("words", [b"", b"CONNECT x:443 HTTP/1.1\r\n\r\n"], ids=["", "behind words to a proxy"])
def test_records_are_counted_from_the_hello_on(words: bytes, step: int) -> None:
    """However they are cut, and whatever part of them came before it was decided to pass them through."""
    hello = python_hello("app.pin.test")
    rest = record(20, 1) + record(23, 69) + record(23, 127) + record(21, 2) + record(23, 19)
    recording = recorder()
    for part in cut(words + hello + rest[:10], step):
        take(recording, "received", part)
    recording.hello({"at": 2, "host": "", "port": 443}, hello[BEFORE_HELLO:])
    take(recording, "decided", label="pass-through", passing=True)
    for part in cut(rest[10:], step):
        take(recording, "received", part)
    assert recording.contact()["passed_records"] == [69, 127, 19]


# --- what runs inside mitmproxy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(INSIDE.glob("*.py")), ids=lambda path: path.name)
def test_what_runs_inside_mitmproxy_needs_nothing_of_pindrill(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1
            names = [] if node.level else [node.module or ""]
        else:
            continue
        roots = {name.partition(".")[0] for name in names}
        assert roots <= {*sys.stdlib_module_names, "mitmproxy", "OpenSSL", "cryptography"}


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1%lo", "fc00::1", "fec0::1", "ff02::1", "::10.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:a00:1::1", "2001:0:102:304::f5ff:fffe", "::ffff:0:10.0.0.1"),
    ],
)
def test_private_addresses_in_every_form(address: str) -> None:
    assert private(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet(address: str) -> None:
    assert not private(address)
