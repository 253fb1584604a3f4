"""What a platform makes of a pin's text: the decoders by table, curl and wget by running them."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pindrill import _core
from pindrill.pinfiles import digests, read
from pindrill.pinfiles.oracle import predict
from support.openssl import openssl, spki_pin

RAW = hashlib.sha256(b"any").digest()
TEXT = base64.b64encode(RAW).decode()
TWO_BYTES, ONE_BYTE = "//4=", "/w=="

# text, android.util.Base64, SecBase64, NSData without options, okio
TABLE: list[tuple[str, bytes | None, bytes | None, bytes | None, bytes | None]] = [
    (TEXT, RAW, RAW, RAW, RAW),
    (TEXT[:-1], RAW, None, None, RAW),
    (f"{TEXT[:9]} {TEXT[9:]}", RAW, RAW, None, RAW),
    (f"{TEXT[:9]}!{TEXT[9:]}", RAW, RAW, None, None),
    (TEXT + "=", None, None, None, RAW),
    (TEXT[:-2], RAW[:31], None, None, RAW[:31]),
    (TEXT[:42] + "==", RAW[:31], RAW[:31], RAW[:31], RAW[:31]),
    ("", b"", b"", b"", b""),
    (ONE_BYTE, b"\xff", b"\xff", b"\xff", b"\xff"),
    ("/w=", None, None, None, b"\xff"),
    (TWO_BYTES, b"\xff\xfe", b"\xff\xfe", b"\xff\xfe", b"\xff\xfe"),
    ("__4=", None, None, None, b"\xff\xfe"),
    ("sha256/" + TEXT, None, None, None, base64.b64decode("sha256/" + TEXT[:-1] + "==")),
    ("=", None, None, None, b""),
    ("/w==/w==", None, None, None, None),
]


@pytest.mark.parametrize(("text", "android", "apple", "strict", "okio"), TABLE)
def test_a_text_is_decoded_as_its_platform_does(
    text: str, android: bytes | None, apple: bytes | None, strict: bytes | None, okio: bytes | None
) -> None:
    assert digests.android(text) == android
    assert digests.apple(text) == apple
    assert digests.strict(text) == strict
    assert digests.okio(text) == okio


# --- curl and wget -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("server")
    key, chain = directory / "key.pem", directory / "chain.pem"
    key.write_text(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    alt = "subjectAltName=IP:127.0.0.1"
    chain.write_text(openssl("req", "-x509", "-key", str(key), "-subj", "/CN=x", "-days", "2", "-addext", alt))
    return key, chain


@pytest.fixture(scope="module")
def port(certificate: tuple[Path, Path]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            try:
                raw.settimeout(60)
                with raw, context.wrap_socket(raw, server_side=True) as connection:
                    if connection.recv(4096):
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


OTHER = base64.b64encode(hashlib.sha256(b"another key").digest()).decode()
VALUES = [
    "sha256//@",
    "sha256//@;sha256//OTHER",
    "sha256//OTHER;sha256//@",
    "sha256//OTHER",
    "sha256//@;",
    "sha256//OTHER;sha256//@;",
    "sha256//@; sha256//OTHER",
    "sha256//OTHER; sha256//@",
    "sha256//OTHER,sha256//@",
    "sha256/@",
    "@",
    "sha256//",
    "sha256//UNPADDED",
    "sha256// @",
]


@pytest.mark.parametrize("tool", ["curl", "wget"])
@pytest.mark.parametrize("value", VALUES)
def test_the_prediction_is_what_the_tool_does(
    tool: str, value: str, port: int, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    chain = certificate[1]
    pin = spki_pin(openssl("x509", "-in", str(chain), "-noout", "-pubkey"))
    told = value.replace("UNPADDED", pin.rstrip("=")).replace("OTHER", OTHER).replace("@", pin)
    url = f"https://127.0.0.1:{port}/"
    command = {
        "curl": ["curl", "-sS", "--noproxy", "*", "--cacert", str(chain), "--pinnedpubkey", told, url],
        "wget": ["wget", "-q", "--no-proxy", "-O", "-", f"--ca-certificate={chain}", f"--pinnedpubkey={told}", url],
    }[tool]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    script = tmp_path / "fetch.sh"
    script.write_text(" ".join(f"'{word}'" for word in command) + "\n")
    certificates = _core.Certificate.list_from_pem(chain.read_text())
    now = datetime.now(UTC)
    predicted = predict(read(script), trust=certificates, presented=certificates, host="127.0.0.1", at=now)
    assert predicted.answer == ("accept" if done.stdout == "ok" else "refuse"), done.stderr
