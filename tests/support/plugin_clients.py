"""Test files of users: each drills a client in under 15 lines. A correct one, and the same without its pins."""

from __future__ import annotations

REQUESTS = """
import base64
import pytest
import requests
from pindrill.model import Semantics

@pytest.mark.pindrill(scenarios=["IN5", "RO18"], strategies="leaf-cert", semantics=Semantics(position="leaf"))
def test_requests(target):
    adapter = requests.adapters.HTTPAdapter()
    pin = base64.b64decode(target.pins[0].values[0])
    adapter.init_poolmanager(1, 1, assert_fingerprint=pin.hex())
    with requests.Session() as session:
        session.mount("https://", adapter)
        return session.get(target.url, verify=target.trust_file, timeout=target.deadline_s).text
"""
HTTPX = """
import base64, hashlib, ssl
import httpx, pytest

class Pinned(ssl.SSLSocket):
    def do_handshake(self, block=False):
        super().do_handshake(block)
        if base64.b64encode(hashlib.sha256(self.getpeercert(True)).digest()).decode() not in self.context.pins:
            raise ssl.SSLError("pin mismatch")

@pytest.mark.pindrill(scenarios=["IN1", "IN4", "RO6"], strategies="leaf-cert+backup")
def test_httpx(target):
    context = target.ssl_context()
    context.sslsocket_class, context.pins = Pinned, target.pins[0].values
    return httpx.get(target.url, verify=context, timeout=target.deadline_s).text
"""
AIOHTTP = """
import base64
import aiohttp, pytest
from pindrill.model import Semantics

SEMANTICS = Semantics(position="leaf", mode="replace", host=False)
pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])

@pytest.mark.anyio
@pytest.mark.pindrill(scenarios=["IN5", "RO18"], strategies="leaf-cert", semantics=SEMANTICS)
async def test_aiohttp(target):
    pin = aiohttp.Fingerprint(base64.b64decode(target.pins[0].values[0]))
    async with aiohttp.ClientSession() as session, session.get(target.url, ssl=pin) as response:
        return await response.text()
"""
CURL = """
import pytest
from pindrill.pytest_plugin import run

@pytest.mark.pindrill(scenarios=["IN5", "RO6", "RO7"])
def test_curl(target):
    return run(["curl", "-sS", "--cacert", "{ca_file}", "--pinnedpubkey", "{pins_curl}", "{url}"], target)
"""

CORRECT = {
    "test_requests.py": REQUESTS,
    "test_httpx.py": HTTPX,
    "test_aiohttp.py": AIOHTTP,
    "test_curl.py": CURL,
}
UNPINNED = {
    "test_requests.py": REQUESTS.replace('session.mount("https://", adapter)', "pass"),
    "test_httpx.py": HTTPX.replace("raise ssl.SSLError", "repr"),
    "test_aiohttp.py": AIOHTTP.replace("ssl=pin", "ssl=False"),
    "test_curl.py": CURL.replace('"--pinnedpubkey", "{pins_curl}", ', ""),
}

STDLIB = '''
"""A client of the standard library, correct unless told otherwise; pins a certificate or a leaf key."""
import base64, hashlib, socket, ssl
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pindrill import Refused


def pinned(tls, target):
    der = tls.getpeercert(True)
    if target.pins[0].of == "spki":
        key = x509.load_der_x509_certificate(der).public_key()
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode() in target.pins[0].values


def fetch(target, check=pinned, early=False, via="host"):
    context = target.ssl_context()
    with socket.create_connection((getattr(target, via), target.port), timeout=target.deadline_s) as raw:
        with context.wrap_socket(raw, server_hostname=target.host) as tls:
            request = f"GET {target.path} HTTP/1.1\\r\\nHost: {target.host}\\r\\n\\r\\n".encode()
            if early:
                tls.sendall(request)
            if not check(tls, target):
                raise Refused("no pin matches")
            if not early:
                tls.sendall(request)
            return b"".join(iter(lambda: tls.recv(65536), b"")).decode()
'''
