"""Roads through an interceptor to a service of its own machine: own_addresses.py ALLOWED, where 1 allows private ones.

To be run as root of a network namespace of its own, whose addresses are none of the private ones: they are what the
interceptor has to know. Prints what became of each road, as JSON; exit 77: not possible.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator

from pindrill import _core
from pindrill.mitm.inside.addresses import private

NOT_POSSIBLE = 77
V4, SECOND, V6 = "198.51.100.7", "198.51.100.8", "2001:db8::7"
ROUTED = "203.0.113.9"
"""Held by no interface: its network is routed to this machine."""
MAPPED = {"own.pin.test": V4, "own6.pin.test": V6}
ELSEWHERE = (f"CONNECT [64:ff9b::{V4}]", "direct")
"""Roads that no service is found on here: one takes a gateway, one goes to the port that the interceptor itself has."""
SET_UP = (
    "link set lo up",
    f"address add {V4}/24 dev lo",
    f"address add {SECOND}/24 dev lo",
    f"address add {V6}/64 dev lo nodad",
    "route add local 203.0.113.0/24 dev lo",
)


def socks(port: int, address: bytes) -> bytes:
    return b"\5\1\0\5\1\0" + address + struct.pack("!H", port)


def roads(port: int) -> Iterator[tuple[str, str, bytes]]:
    """Name, way in, and what the client says."""
    for host in (V4, SECOND, ROUTED, "own.pin.test", "own6.pin.test", f"[{V6}]", f"[::ffff:{V4}]", f"[64:ff9b::{V4}]"):
        yield f"CONNECT {host}", "proxy", f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode()
    yield "absolute form", "proxy", f"GET http://{V4}:{port}/ HTTP/1.1\r\nHost: {V4}\r\n\r\n".encode()
    yield "SOCKS IPv4", "socks", socks(port, b"\1" + socket.inet_aton(V4))
    yield "SOCKS IPv6", "socks", socks(port, b"\4" + socket.inet_pton(socket.AF_INET6, V6))
    yield "SOCKS name", "socks", socks(port, b"\3\x0c" + b"own.pin.test")
    yield "direct", "direct", f"GET / HTTP/1.1\r\nHost: {V4}:{port}\r\n\r\n".encode()
    yield "reverse", "reverse", b"GET / HTTP/1.1\r\n\r\n"


def main(allowed: bool) -> None:
    for command in SET_UP:
        done = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"ip {command}: {done.stderr}", file=sys.stderr)
            sys.exit(NOT_POSSIBLE)
    service = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    port = service.getsockname()[1]
    service.settimeout(20)
    between = _core.Interceptor(_core.Loop(), hosts=MAPPED, private_addresses=allowed)
    found = {}
    for name, way, says in roads(port):
        entrance = between.listen(way, "127.0.0.1", 0, (V4, port) if way == "reverse" else None)
        with socket.create_connection(("127.0.0.1", entrance), timeout=20) as client:
            client.sendall(says)
            if allowed and name not in ELSEWHERE:
                service.accept()[0].close()
            else:
                while client.recv(1000):
                    pass
        contact = between.next(20)
        assert contact
        found[name] = contact["upstream_address" if allowed else "upstream_failure"]
    in_mitmproxy = {address: private(address) for address in (V4, SECOND, ROUTED, V6)}
    print(json.dumps({"roads": found, "in_mitmproxy": in_mitmproxy}))


main(sys.argv[1] == "1")
