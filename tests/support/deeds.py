"""What clients do with a connection: between them, all that there is to tell of one."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

HOST = "app.pin.test"
SECRET = "pd7s" + "0" * 24
REQUEST = f"GET /{SECRET}?q=value HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FATAL_ALERT = b"\x15\x03\x03\x00\x02\x02\x2a"
UNREADABLE = b"\x17\x03\x03\x00\x64" + bytes(100)
PATIENCE_S = 60.0
Place = tuple[str, int]


def connect(place: Place) -> socket.socket:
    return socket.create_connection(place, timeout=PATIENCE_S)


def drain(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


def careless() -> ssl.SSLContext:
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    engine = careless().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=HOST)
    with contextlib.suppress(ssl.SSLWantReadError):
        engine.do_handshake()
    return outgoing.read()


def says(data: bytes) -> Callable[[Place], None]:
    """Inside TLS, then an orderly end."""

    def say(place: Place) -> None:
        with connect(place) as connection, careless().wrap_socket(connection, server_hostname=HOST) as secured:
            secured.sendall(data)
            if data is REQUEST:
                secured.recv(65536)
            with contextlib.suppress(OSError):
                secured.unwrap()

    return say


def refuses(place: Place) -> None:
    with connect(place) as connection, contextlib.suppress(ssl.SSLError):
        ssl.create_default_context().wrap_socket(connection, server_hostname=HOST)


def plain(place: Place) -> None:
    with connect(place) as connection:
        connection.sendall(REQUEST)
        connection.shutdown(socket.SHUT_WR)
        drain(connection)


def behind_the_hello(*parts: bytes) -> Callable[[Place], None]:
    """Each when the other side has ended because of the one before."""

    def go_on(place: Place) -> None:
        with connect(place) as connection:
            connection.sendall(client_hello())
            connection.recv(65536)
            with contextlib.suppress(OSError):
                for part in parts:
                    connection.sendall(part)
                    drain(connection)
                connection.shutdown(socket.SHUT_WR)
            drain(connection)

    return go_on


def openssl(place: Place, *options: str) -> None:
    command = ["openssl", "s_client", "-connect", f"{place[0]}:{place[1]}", "-servername", HOST, "-tls1_3"]
    command += ["-ign_eof", *options]
    subprocess.run(command, input=REQUEST, capture_output=True, timeout=PATIENCE_S, check=False)


def resumes(session: Path) -> Callable[[Place], None]:
    """A session from elsewhere, with early data."""
    early = session.with_suffix(".early")
    early.write_bytes(REQUEST)
    return lambda place: openssl(place, "-sess_in", str(session), "-early_data", str(early))


DEEDS: dict[str, Callable[[Place], None]] = {
    "a request": says(REQUEST),
    "boilerplate": says(H2_PREFACE),
    "nothing but an orderly end": says(b""),
    "a refusal": refuses,
    "a request in plain text": plain,
    "garbage in a handshake record": behind_the_hello(b"\x16\x03\x03\x00\x05junk!"),
    "more behind its alert": behind_the_hello(FATAL_ALERT, UNREADABLE + REQUEST),
}
