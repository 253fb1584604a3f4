"""A client that behaves (it is curl) at its first attempt and, as a raw socket, misbehaves at the later ones.

    wire_client.py MODE COUNTER HOST PORT CA_FILE PINS URL

COUNTER is a directory: the first attempt, the genuine twin's, makes a file in it.
"""

import contextlib
import os
import socket
import ssl
import struct
import sys
import time
from pathlib import Path

REFUSED = 7


def hello(host: str) -> bytes:
    """A whole ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    engine = context.wrap_bio(incoming, outgoing, server_hostname=host)
    with contextlib.suppress(ssl.SSLWantReadError):
        engine.do_handshake()
    return outgoing.read()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def misbehave(mode: str, host: str, connection: socket.socket) -> None:
    text = hello(host)
    if mode == "half-hello":
        connection.sendall(text[: len(text) // 2])
    elif mode == "half-hello-reset":
        connection.sendall(text[: len(text) // 2])
        reset(connection)
    elif mode == "garbage":
        connection.sendall(b"\x80garbage\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    elif mode == "ssl2-hello":
        # RFC 5246 appendix E.2: version, lengths of ciphers, session id and challenge, then these.
        body = b"\x01\x03\x03" + struct.pack(">HHH", 3, 0, 16) + b"\x00\x00\x2f" + os.urandom(16)
        connection.sendall(struct.pack(">H", 0x8000 | len(body)) + body)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    elif mode.startswith("flight"):
        connection.sendall(text)
        connection.recv(1)  # the beginning of the server's flight
        if mode == "flight-reset":
            reset(connection)
    elif mode == "idle":
        time.sleep(1000)
    elif mode == "idle-after-handshake":
        context = ssl._create_unverified_context()
        with context.wrap_socket(connection, server_hostname=host):
            time.sleep(1000)


def main() -> int:
    mode, counter, host, port, ca_file, pins, url = sys.argv[1:]
    marker = Path(counter) / "attempted"
    if not marker.exists():
        marker.touch()
        os.execvp("curl", ["curl", "-sS", "--cacert", ca_file, "--pinnedpubkey", pins, url])
    connection = socket.create_connection((host, int(port)))
    misbehave(mode, host, connection)
    connection.close()
    return REFUSED


sys.exit(main())
