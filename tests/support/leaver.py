"""A client that pins correctly, and that ends its TLS connection by a word of TLS but never its TCP connection.

    leaver.py HOW TARGET_FILE  a command: it stays until it is ended
    leaver.py HOW              an adapter

HOW is what it says: `alert` (OpenSSL's at an untrusted chain, close_notify after the handshake at one that is not
pinned), `before-finished` (close_notify), `nothing` (after the handshake). What it does then may stand behind it:
`+plain` sends the request in plain text, `+records` what looks like encrypted data.
"""

import base64
import contextlib
import hashlib
import json
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HOW, _, THEN = sys.argv[1].partition("+")
CLOSE_NOTIFY = b"\x15\x03\x03\x00\x02\x01\x00"
RECORD = b"\x17\x03\x03\x00\x64" + bytes(100)
kept: list[socket.socket] = []


def spki_pin(der: bytes) -> str:
    key = x509.load_der_x509_certificate(der).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


class Tls:
    """A connection whose socket does not know of it."""

    def __init__(self, target: dict[str, Any]) -> None:
        self.raw = socket.create_connection((target["host"], target["port"]), timeout=20)
        kept.append(self.raw)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=target["trust_file"])
        self.engine = context.wrap_bio(self._in, self._out, server_hostname=target["host"])

    def flush(self) -> None:
        self.raw.sendall(self._out.read())

    def do(self, call: Any, *arguments: Any) -> Any:
        while True:
            try:
                return call(*arguments)
            except ssl.SSLWantReadError:
                self.flush()
                if more := self.raw.recv(65536):
                    self._in.write(more)
                else:
                    self._in.write_eof()
            finally:
                self.flush()

    def close_notify(self) -> None:
        with contextlib.suppress(ssl.SSLError):
            self.engine.unwrap()
        self.flush()


def attempt(target: dict[str, Any]) -> dict[str, Any]:
    request = f"GET {target['path']} HTTP/1.1\r\nHost: {target['host']}\r\n\r\n".encode()
    connection = Tls(target)
    before = HOW == "before-finished"
    if before and not trusted(target):
        try:
            connection.engine.do_handshake()
        except ssl.SSLWantReadError:
            connection.flush()
        connection.raw.recv(65536)
        connection.raw.sendall(CLOSE_NOTIFY)
        return refused(connection, request)
    try:
        connection.do(connection.engine.do_handshake)
    except ssl.SSLCertVerificationError as error:
        return refused(connection, request, str(error))
    if spki_pin(connection.engine.getpeercert(binary_form=True) or b"") not in target["pins"][0]["values"]:
        if HOW != "nothing":
            connection.close_notify()
        return refused(connection, request)
    connection.do(connection.engine.write, request)
    answer = b""
    with contextlib.suppress(ssl.SSLEOFError):  # mitmproxy ends an answer by FIN alone
        while more := connection.do(connection.engine.read, 65536):
            answer += more
    kept.pop().close()
    return {"result": "accepted", "body": answer.decode()}


def trusted(target: dict[str, Any]) -> bool:
    """Asked on a connection of its own, which is closed at once after its handshake."""
    context = ssl.create_default_context(cafile=target["trust_file"])
    try:
        with (
            socket.create_connection((target["host"], target["port"]), timeout=20) as raw,
            context.wrap_socket(raw, server_hostname=target["host"]) as probe,
        ):
            return spki_pin(probe.getpeercert(binary_form=True) or b"") in target["pins"][0]["values"]
    except ssl.SSLError:
        return False


def refused(connection: Tls, request: bytes, error: str = "pin mismatch") -> dict[str, Any]:
    if THEN:
        time.sleep(0.1)
        connection.raw.sendall({"plain": request, "records": RECORD}[THEN])
    return {"result": "refused", "error": error}


def main() -> int:
    if len(sys.argv) > 2:
        answer = attempt(json.loads(Path(sys.argv[-1]).read_text()))
        if answer["result"] == "accepted":
            print(answer["body"])
            return 0
        print(answer["error"], file=sys.stderr, flush=True)
        time.sleep(1000)
    for line in sys.stdin:
        message = json.loads(line)
        if "end_session" not in message:
            print(json.dumps({"id": message["id"], **attempt(message)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
