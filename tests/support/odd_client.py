"""A client that pins correctly, but for one oddity, at the edge of what a judge may say of it.

    odd_client.py ODDITY TARGET_FILE

It exits 0 with the answer's body, 1 when it refused or failed.
"""

import base64
import hashlib
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ODDITY, TARGET_FILE = sys.argv[1:]
TARGET: dict[str, Any] = json.loads(Path(TARGET_FILE).read_text())
HOST, PORT = TARGET["host"], TARGET["port"]
PINS: list[str] = [pin for pins in TARGET["pins"] or () for pin in pins["values"]]
REQUEST = f"GET {TARGET['path']} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def spki_pin(certificate: x509.Certificate) -> str:
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


def is_pinned(connection: ssl.SSLSocket) -> bool:
    return spki_pin(x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")) in PINS


def context(*alpn: str) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=TARGET["trust_file"])
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


def connected(*alpn: str) -> ssl.SSLSocket:
    return context(*alpn).wrap_socket(socket.create_connection((HOST, PORT), timeout=20), server_hostname=HOST)


def asked(connection: ssl.SSLSocket) -> bytes:
    connection.sendall(REQUEST)
    answer = b""
    while more := connection.recv(65536):
        answer += more
    return answer


def refuse(connection: ssl.SSLSocket) -> int:
    connection.close()
    return 1


def behave() -> int:
    connection = connected()
    if not is_pinned(connection):
        return refuse(connection)
    print(asked(connection).decode())
    return 0


# --- what it does with a server that is not pinned -------------------------------------------------------------


def plain_behind_tls() -> int:
    connection = connected()
    if is_pinned(connection):
        print(asked(connection).decode())
        return 0
    plain = connection.unwrap()
    plain.sendall(REQUEST)
    plain.close()
    return 1


def plain_instead_of_finished() -> int:
    try:
        probe = connected()
    except ssl.SSLError:
        return 1
    if is_pinned(probe):
        print(asked(probe).decode())
        return 0
    probe.close()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    engine = context().wrap_bio(incoming, outgoing, server_hostname=HOST)
    raw = socket.create_connection((HOST, PORT), timeout=20)
    try:
        engine.do_handshake()
    except ssl.SSLWantReadError:
        raw.sendall(outgoing.read())
    raw.recv(1)
    raw.sendall(REQUEST)
    raw.close()
    return 1


def goaway() -> int:
    connection = connected()
    if is_pinned(connection):
        print(asked(connection).decode())
        return 0
    text = bytes(8) + TARGET["path"].encode()
    frame = len(text).to_bytes(3, "big") + b"\x07" + bytes(5) + text
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5) + frame)
    return refuse(connection)


def half_a_preface() -> int:
    connection = connected()
    if is_pinned(connection):
        print(asked(connection).decode())
        return 0
    connection.sendall(b"PR")
    return refuse(connection)


def plain_bytes_beside() -> int:
    code = behave()
    if code:
        raw = socket.create_connection((HOST, PORT), timeout=20)
        raw.sendall(b"\x00\x10LOGIN" + base64.b64encode(TARGET["path"].encode()))
        raw.close()
    return code


# --- what it does with any server ------------------------------------------------------------------------------


def no_request() -> int:
    connection = connected()
    return 0 if is_pinned(connection) else refuse(connection)


def only_h2() -> int:
    connection = connected("h2")
    if not is_pinned(connection) or connection.selected_alpn_protocol() != "h2":
        return refuse(connection)
    return 0


def dislikes_the_answer() -> int:
    connection = connected()
    if is_pinned(connection):
        asked(connection)
    connection.close()
    return 1


def dislikes_it_and_races() -> int:
    idle = connected()
    code = dislikes_the_answer()
    idle.close()
    return code


def no_backup() -> int:
    return behave() if len(PINS) == 1 else refuse(connected())


def backup_leaks() -> int:
    if len(PINS) > 1:
        raw = socket.create_connection((HOST, PORT), timeout=20)
        raw.sendall(REQUEST)
        raw.close()
        return 1
    return behave()


def backup_kills() -> int:
    if len(PINS) > 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    return behave()


def fails_the_second_time() -> int:
    """Pins nothing; whatever comes second in one HOME is refused."""
    marker = Path(os.environ["HOME"], "been-here")
    connection = connected()
    if marker.exists():
        return refuse(connection)
    marker.touch()
    print(asked(connection).decode())
    return 0


def wants_the_root() -> int:
    """Looks for the pin in the list presented, which may lack the root."""
    connection = connected()
    chain = connection._sslobj.get_unverified_chain() or []  # type: ignore[attr-defined]
    if not any(spki_pin(x509.load_pem_x509_certificate(each.public_bytes().encode())) in PINS for each in chain):
        return refuse(connection)
    print(asked(connection).decode())
    return 0


ODDITIES: dict[str, Callable[[], int]] = {
    name.replace("_", "-"): each
    for name, each in list(globals().items())
    if callable(each) and getattr(each, "__module__", "") == __name__
}
if __name__ == "__main__":
    try:
        sys.exit(ODDITIES[ODDITY]())
    except (OSError, ssl.SSLError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
