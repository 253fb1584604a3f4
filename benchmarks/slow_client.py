"""A client of 100 ms and more, as an interpreter with a few libraries is. Refuses unless the pin matches."""

from __future__ import annotations

import argparse
import base64
import hashlib
import socket
import ssl
import sys

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

parser = argparse.ArgumentParser()
for name in ("address", "host", "port", "path", "ca_file", "pins"):
    parser.add_argument(name)
told = parser.parse_args()

context = ssl.create_default_context(cafile=told.ca_file)
with (
    socket.create_connection((told.address, int(told.port))) as raw,
    context.wrap_socket(raw, server_hostname=told.host) as stream,
):
    shown = x509.load_der_x509_certificate(stream.getpeercert(binary_form=True) or b"")
    spki = shown.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if base64.b64encode(hashlib.sha256(spki).digest()).decode() not in told.pins.split(","):
        sys.exit("pin mismatch")
    stream.sendall(f"GET {told.path} HTTP/1.1\r\nHost: {told.host}\r\n\r\n".encode())
    while piece := stream.recv(65536):
        sys.stdout.write(piece.decode())
