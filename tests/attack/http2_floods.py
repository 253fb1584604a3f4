"""Hostile HTTP/2 against a running audit, on loopback: does another client still get its answer?

    python tests/attack/http2_floods.py [--clients 12] [--seconds 20]

Each hostile client sends, over and over, 64 KiB through the audit's proxy: a header block that is continued after its
end, or a small one that decodes to a large one. Meanwhile a well-behaved client shakes hands through the same proxy.
Exit code 1: it was kept waiting, or dropped.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.interception import Hierarchy

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SIZE = 64 * 1024
HEADERS, SETTINGS, CONTINUATION, END_HEADERS = 1, 4, 9, 4
LONGEST_WAIT_S = 5.0
"""Of the well-behaved client, on a busy machine; the audit itself drops who waits for 30 s."""


MOST_NAMES = 1000
"""Of the well-behaved client: an audit ends once it has asked everything of all that it knows."""


def name_of(number: int) -> str:
    return f"app{number}.pin.test"


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 1) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags if stream else 0)) + stream.to_bytes(4) + payload


def continuations() -> bytes:
    """As many fields as fit a decoder's usual limit; each frame after it would decode them again."""
    start = PREFACE + frame(SETTINGS, stream=0) + frame(HEADERS, b"\x82" * 1500, END_HEADERS)
    again = frame(CONTINUATION, b"", END_HEADERS)
    return start + again * ((SIZE - len(start)) // len(again))


def index_bomb() -> bytes:
    """A field of 4000 bytes, and a reference to it in each byte after it (RFC 7541 section 7.3)."""
    entry = b"\x40\x06cookie\x7f\xa1\x1e" + b"a=;;" * 1000
    block = entry + b"\xbe" * (SIZE - len(entry) - 100)
    return PREFACE + frame(SETTINGS, stream=0) + frame(HEADERS, block, END_HEADERS)


def each_connection(listening: socket.socket, do: Callable[[socket.socket], object]) -> None:
    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # the peer's business
            do(connection)

    def accept() -> None:
        while True:
            threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def swallow(connection: socket.socket) -> None:
    while connection.recv(SIZE):
        pass


def tunnel(proxy: int, where: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy), timeout=60)
    client.sendall(f"CONNECT {where} HTTP/1.1\r\n\r\n".encode())
    client.recv(1000)
    return client


def attack(proxy: int, where: str, data: bytes, end: float, sent: list[int]) -> None:
    while time.monotonic() < end:
        try:
            with tunnel(proxy, where) as client:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                client.recv(1)
            sent.append(len(data))
        except OSError:
            time.sleep(0.1)


def handshake(proxy: int, where: str) -> float:
    """How long its answer took, whatever certificate that showed: some of an audit's cannot be taken by anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with tunnel(proxy, where) as client:
        began = time.monotonic()
        try:
            context.wrap_socket(client, server_hostname=where.partition(":")[0]).close()
        except ssl.SSLEOFError:
            raise  # no answer
        except ssl.SSLError:
            pass
        return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        genuine = Hierarchy("genuine", directory)
        names = " ".join(name_of(number) for number in range(MOST_NAMES))
        (directory / "hosts").write_text(f"127.0.0.1 {names} flood.pin.test\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(genuine.chain, genuine.key)
        sink, origin = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
        each_connection(sink, swallow)
        each_connection(origin, lambda connection: swallow(context.wrap_socket(connection, server_side=True)))
        return against(directory, genuine, asked, sink.getsockname()[1], origin.getsockname()[1])


def against(directory: Path, genuine: Hierarchy, asked: argparse.Namespace, sink: int, origin: int) -> int:
    kept = directory / "audit.jsonl"
    argv = ["audit", "--proxy", "127.0.0.1:0", "--upstream-hosts", str(directory / "hosts"), "--json", str(kept)]
    argv += ["--upstream-trust", str(genuine.trust), "--allow-private-upstreams", "--wait", str(asked.seconds + 5)]
    command = [sys.executable, "-m", "pindrill", *argv]
    waits: list[float] = []
    sent: list[int] = []
    dropped: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as audit:
        assert audit.stderr
        found = re.search(r"port (\d+)", audit.stderr.readline())
        assert found, audit.stderr.read()
        proxy, end = int(found[1]), time.monotonic() + asked.seconds
        for number in range(asked.clients):
            data = (continuations(), index_bomb())[number % 2]
            hostile = (proxy, f"flood.pin.test:{sink}", data, end, sent)
            threading.Thread(target=attack, args=hostile, daemon=True).start()
        while time.monotonic() < end:
            try:
                waits.append(handshake(proxy, f"{name_of(len(waits) % MOST_NAMES)}:{origin}"))
            except OSError as error:
                dropped.append(repr(error))
            time.sleep(0.2)
        audit.communicate()
        used = os.times()
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    unread = {each["name"] for line in lines for each in line["readable"] if each["kind"] == "unread"}
    print(f"hostile: {asked.clients} clients, {len(sent)} connections, {sum(sent) / 1e6:.1f} MB")
    print(f"audit: {used.children_user + used.children_system:.1f} s of CPU; told as not read: {sorted(unread)}")
    worst = max(waits, default=float("inf"))
    print(f"well-behaved: {len(waits)} handshakes, {len(dropped)} dropped {dropped or ''}; ", end="")
    print(f"waited {statistics.median(waits or [worst]) * 1000:.0f} ms, at worst {worst * 1000:.0f} ms")
    return 1 if dropped or worst > LONGEST_WAIT_S else 0


if __name__ == "__main__":
    sys.exit(main())
