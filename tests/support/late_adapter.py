"""An adapter that pins correctly, but sends each refused request once more, unchecked, before its next target.

With `--at-the-end` only once its input has ended, and a moment later.
"""

import base64
import hashlib
import json
import socket
import ssl
import sys
import time
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def connected(target: dict[str, Any], context: ssl.SSLContext) -> ssl.SSLSocket:
    connection = socket.create_connection((target["host"], target["port"]), timeout=target["deadline_s"])
    return context.wrap_socket(connection, server_hostname=target["host"])


def get(target: dict[str, Any], connection: ssl.SSLSocket) -> str:
    connection.sendall(f"GET {target['path']} HTTP/1.1\r\nHost: {target['host']}\r\n\r\n".encode())
    with connection.makefile("rb") as file:
        return file.read().decode()


def pin(connection: ssl.SSLSocket) -> str:
    certificate = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


def attempt(target: dict[str, Any]) -> dict[str, Any]:
    try:
        with connected(target, ssl.create_default_context(cafile=target["trust_file"])) as connection:
            if pin(connection) not in target["pins"][0]["values"]:
                return {"result": "refused", "error": "pin mismatch"}
            return {"result": "accepted", "body": get(target, connection)}
    except ssl.SSLError as error:
        return {"result": "refused", "error": str(error)}


def send_late(target: dict[str, Any]) -> None:
    with connected(target, ssl._create_unverified_context()) as connection:
        get(target, connection)


refused: list[dict[str, Any]] = []
for line in sys.stdin:
    message = json.loads(line)
    if "end_session" in message:
        continue
    while refused and "--at-the-end" not in sys.argv:
        send_late(refused.pop())
    answer = attempt(message)
    if answer["result"] == "refused":
        refused.append(message)
    print(json.dumps({"id": message["id"], **answer}), flush=True)
if "--at-the-end" in sys.argv:
    time.sleep(0.5)
    for target in refused:
        send_late(target)
