"""What runs inside mitmproxy reads as the compiled core does, which is not to be had there."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pindrill import _core
from pindrill.mint import Mint
from pindrill.mitm.inside.addresses import private
from pindrill.mitm.inside.hello import read_client_hello, whole_hello
from pindrill.mitm.inside.records import Records
from pindrill.mitm.inside.request import RequestReader
from pindrill.model import GENUINE

INSIDE = Path(__file__).parents[1] / "pybind" / "pindrill" / "mitm" / "inside"
SECRET = "pd7s" + "0123456789abcdef01234567"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
HEADERS = bytes([0, 0, 3, 1, 5, 0, 0, 0, 1]) + b"abc"
DATA = bytes([0, 0, 2, 0, 1, 0, 0, 0, 1]) + b"xy"
READ = ("progress", "boilerplate_bytes", "data_bytes", "request_line", "secrets")


@pytest.fixture(scope="module")
def server(mint: Mint) -> _core.Server:
    return _core.Server(_core.Loop(), "127.0.0.1", 0, _core.ServerContext(), "x", mint.credential(GENUINE), "")


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
                while not whole_hello(data):
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
def test_a_client_hello_is_read_as_the_core_reads_it(name: str, server: _core.Server) -> None:
    data = HELLOS[name]()
    before = server.connections
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(data)
        connection.recv(1)
    assert server.settle(30)
    theirs = server.observations()[before]["hello"]
    mine = read_client_hello(whole_hello(data))
    assert {**mine, "at": 0} == {**theirs, "at": 0}


def test_the_stack_leaves_out_what_varies() -> None:
    plain, named = (read_client_hello(whole_hello(python_hello(host))) for host in (None, "app.pin.test"))
    assert plain["ja4"] != named["ja4"]
    assert plain["stack"] == named["stack"]


def test_what_varies_by_design_is_known_to_both() -> None:
    """The fingerprint's list of such extensions stands in two languages."""
    text = (Path(__file__).parents[1] / "harness/src/fingerprint.cpp").read_text()
    numbers = {int(each) for each in re.findall(r"constexpr std::uint16_t k\w+ = (\d+);", text)}
    named = len(re.findall(r"TLSEXT_TYPE_\w+\)", text.partition("kVarying")[2].partition("}")[0]))
    mine = (INSIDE / "hello.py").read_text()
    assert numbers == {44, 17513, 17613}
    assert all(str(number) in mine for number in numbers)
    assert named == 4


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_hostile_hellos_are_read_as_far_as_they_go(data: bytes) -> None:
    read_client_hello(data)
    whole_hello(b"\x16\x03\x01" + data)


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
def test_what_a_client_said_is_read_as_the_core_reads_it(name: str, server: _core.Server) -> None:
    before = server.connections
    mine = RequestReader()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        context = ssl._create_unverified_context()
        with context.wrap_socket(connection, server_hostname="app.pin.test") as secured:
            for part in REQUESTS[name]:
                secured.sendall(part)
                mine.feed(part)
    assert server.settle(30)
    theirs = server.observations()[before]
    assert {each: getattr(mine, each) for each in READ} == {each: theirs[each] for each in READ}


@given(st.lists(st.binary(max_size=40), max_size=8))
@settings(max_examples=300, deadline=None)
def test_how_it_was_cut_changes_nothing(parts: list[bytes]) -> None:
    cut, whole = RequestReader(), RequestReader()
    for part in (PREFACE, *parts):
        cut.feed(part)
    whole.feed(b"".join((PREFACE, *parts)))
    assert all(getattr(cut, each) == getattr(whole, each) for each in READ)


def record(kind: int, size: int) -> bytes:
    return bytes([kind, 3, 3]) + size.to_bytes(2, "big") + bytes(size)


def test_records_of_type_23_are_counted_however_they_are_cut() -> None:
    data = record(22, 200) + record(20, 1) + record(23, 69) + record(23, 127) + record(21, 2) + record(23, 19)
    for step in (1, 7, len(data)):
        records = Records()
        for at in range(0, len(data), step):
            records.from_client(data[at : at + step])
        assert records.client == [69, 127, 19]


def test_what_runs_inside_mitmproxy_needs_nothing_compiled() -> None:
    for path in INSIDE.glob("*.py"):
        text = path.read_text()
        assert "_core" not in text, path
        if path.name not in ("alone.py", "stapled.py"):  # which judge, and need Python 3.11 for it
            assert not re.search(r"^from pindrill", text, re.MULTILINE), path


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
