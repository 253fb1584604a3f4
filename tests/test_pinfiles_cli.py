"""`pindrill pins show|lint|convert|diff|of`: what is printed, and the exit codes."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pindrill import _core
from support.cli import Pindrill, Ran
from support.openssl import openssl, spki_pin
from support.pin_vectors import LINT, PLAIN, VECTORS, text

NSC = str(VECTORS / "android-nsc" / "ordinary.xml")
ATS = str(VECTORS / "apple-ats" / "both-lists.plist")
AT = ("--at", "2026-06-01")


def lines(ran: Ran) -> list[dict[str, object]]:
    return [json.loads(line) for line in ran.out.splitlines()]


# --- lint ----------------------------------------------------------------------------------------------------


def test_a_clean_file_says_so_and_exits_0(pindrill: Pindrill) -> None:
    ran = pindrill.call("pins", "lint", str(LINT / "no-pins" / "good.xml"), *AT)
    assert (ran.code, ran.out.strip()) == (0, "nothing found in 1 file")


def test_a_warning_exits_0_and_an_error_1(pindrill: Pindrill) -> None:
    assert pindrill.call("pins", "lint", str(LINT / "no-backup" / "bad.xml"), *AT).code == 0
    assert pindrill.call("pins", "lint", str(LINT / "placeholder" / "bad.xml"), *AT).code == 1


def test_a_file_that_cannot_be_read_exits_2(pindrill: Pindrill) -> None:
    for path in (VECTORS / "malformed" / "android-nsc" / "bomb.xml", VECTORS / "nowhere"):
        ran = pindrill.call("pins", "lint", str(path))
        assert ran.code == 2
        assert str(path) in ran.err
        assert "Traceback" not in ran.err


def test_a_finding_for_people(pindrill: Pindrill) -> None:
    path = LINT / "placeholder" / "bad.xml"
    first, effect, fix, count = pindrill.call("pins", "lint", str(path), *AT).out.splitlines()
    assert first.startswith(f"{path}:7: error: ")
    assert first.endswith("[placeholder]")
    assert effect.startswith("  effect: ")
    assert fix.startswith("  fix: ")
    assert count == "1 error"


def test_a_finding_as_json(pindrill: Pindrill) -> None:
    ran = pindrill.call("pins", "lint", "--json", str(LINT / "expired" / "bad.xml"), *AT)
    (line,) = lines(ran)
    assert list(line) == ["file", "line", "rule", "severity", "message", "effect", "fix", "owasp"]
    assert (line["rule"], line["severity"], line["line"]) == ("expired", "error", 5)
    assert line["owasp"] == ["MASTG-TEST-0243", "MASWE-0047"]


def test_the_day_of_judgement_is_asked_for(pindrill: Pindrill) -> None:
    path = str(LINT / "expired" / "bad.xml")
    assert pindrill.call("pins", "lint", path, "--at", "2026-01-01").code == 0
    assert pindrill.call("pins", "lint", path, "--at", "2026-05-20", "--soon", "5").out.startswith("nothing found")
    assert "expires-soon" in pindrill.call("pins", "lint", path, "--at", "2026-05-20T08:00+02:00").out
    ran = pindrill.call("pins", "lint", path, "--at", "soon")
    assert (ran.code, "--at is a date" in ran.err) == (2, True)


def test_files_of_one_app_are_compared(pindrill: Pindrill) -> None:
    ran = pindrill.call("pins", "lint", "--json", NSC, str(VECTORS / "trustkit-ios" / "report-only.plist"), *AT)
    assert "platforms-differ" in {line["rule"] for line in lines(ran)}


def test_a_host_that_must_be_pinned(pindrill: Pindrill) -> None:
    assert pindrill.call("pins", "lint", NSC, "--host", "a.b.example.com", *AT).code == 0
    ran = pindrill.call("pins", "lint", NSC, "--host", "example.org", *AT)
    assert ran.code == 1
    assert "example.org is not pinned" in ran.out


# --- a chain, from a file and from a server ------------------------------------------------------------------


@pytest.fixture
def credential(tmp_path: Path) -> tuple[str, str]:
    """A key and a self-signed certificate, by openssl."""
    key = tmp_path / "key.pem"
    key.write_text(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    alt = "subjectAltName=DNS:localhost,DNS:example.com"
    made = openssl("req", "-x509", "-key", str(key), "-subj", "/CN=example.com", "-days", "2", "-addext", alt)
    (tmp_path / "chain.pem").write_text(made)
    return str(key), str(tmp_path / "chain.pem")


@pytest.fixture
def address(credential: tuple[str, str]) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credential[1], credential[0])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)

        def serve() -> None:
            try:
                raw, _ = listener.accept()
                with raw, context.wrap_socket(raw, server_side=True) as connection:
                    connection.recv(1)
            except OSError:
                return  # the client has gone, or none came

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"localhost:{listener.getsockname()[1]}"
        listener.close()
        thread.join()


def pin_file(directory: Path, host: str, *pins: str) -> str:
    path = directory / "config.xml"
    inside = "".join(f'<pin digest="SHA-256">{pin}</pin>' for pin in pins)
    path.write_text(
        f"<network-security-config><domain-config><domain>{host}</domain>"
        f"<pin-set>{inside}</pin-set></domain-config></network-security-config>"
    )
    return str(path)


def certificate_pin(path: str) -> str:
    return spki_pin(openssl("x509", "-in", path, "-noout", "-pubkey"))


def test_pins_against_a_given_chain(pindrill: Pindrill, credential: tuple[str, str], tmp_path: Path) -> None:
    chain = credential[1]
    right = pin_file(tmp_path, "example.com", certificate_pin(chain), text(1))
    assert pindrill.call("pins", "lint", right, "--chain", chain).code == 0
    wrong = pin_file(tmp_path, "example.com", text(1), text(2))
    ran = pindrill.call("pins", "lint", wrong, "--chain", chain)
    assert ran.code == 1
    assert "[pins-do-not-match]" in ran.out


def test_pins_against_a_server(pindrill: Pindrill, address: str, tmp_path: Path) -> None:
    ran = pindrill.call("pins", "lint", pin_file(tmp_path, "localhost", text(1), text(2)), "--live", address)
    assert ran.code == 1
    assert "[pins-do-not-match]" in ran.out


def test_the_pins_of_a_server(pindrill: Pindrill, address: str, credential: tuple[str, str]) -> None:
    ran = pindrill.call("pins", "of", address)
    assert ran.code == 0
    assert f"sha256/{certificate_pin(credential[1])}" in ran.out


def test_a_server_that_is_not_there(pindrill: Pindrill) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening: nobody else gets the port, and nobody answers
        for target in (f"127.0.0.1:{taken.getsockname()[1]}", "127.0.0.1:0", "127.0.0.1:99999"):
            ran = pindrill.call("pins", "of", target)
            assert ran.code == 2
            assert target in ran.err
            assert "Traceback" not in ran.err


def test_only_a_host_that_is_named_is_contacted(
    pindrill: Pindrill, credential: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("contacted")

    monkeypatch.setattr(socket, "create_connection", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    for arguments in (["lint", NSC], ["show", NSC], ["diff", NSC, ATS], ["of", credential[1]]):
        assert pindrill.call("pins", *arguments).code in (0, 1)


# --- pins of -------------------------------------------------------------------------------------------------


def test_every_notation_as_json(pindrill: Pindrill, credential: tuple[str, str]) -> None:
    key, certificate = lines(pindrill.call("pins", "of", credential[1], "--json"))
    pin = certificate_pin(credential[1])
    digest = base64.b64decode(pin).hex()
    assert key["notations"] == {
        "OkHttp": f"sha256/{pin}",
        "curl, wget, git": f"sha256//{pin}",
        "HPKP": f'pin-sha256="{pin}"',
        "NSC, ATS, TrustKit": pin,
        "DANE": f"3 1 1 {digest}",
        "hex": digest,
        "colon hex": ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper(),
    }
    der = _core.Certificate.from_pem(Path(credential[1]).read_text()).der
    assert base64.b64decode(str(certificate["base64"])) == hashlib.sha256(der).digest()


@pytest.mark.parametrize("form", ["certificate", "public key", "private key", "request"])
def test_der_is_taken_too(pindrill: Pindrill, credential: tuple[str, str], tmp_path: Path, form: str) -> None:
    key, chain = credential
    der = str(tmp_path / "file.der")
    command = {
        "certificate": ["x509", "-in", chain],
        "public key": ["pkey", "-in", key, "-pubout"],
        "private key": ["pkey", "-in", key],
        "request": ["req", "-new", "-key", key, "-subj", "/CN=x"],
    }[form]
    openssl(*command, "-outform", "DER", "-out", der)
    ran = pindrill.call("pins", "of", der)
    assert ran.code == 0, ran.err
    assert f"sha256/{certificate_pin(chain)}" in ran.out


def test_a_certificate_that_is_not_valid_then(pindrill: Pindrill, credential: tuple[str, str]) -> None:
    assert "not valid at" not in pindrill.call("pins", "of", credential[1]).out
    assert "not valid at 2001-01-01" in pindrill.call("pins", "of", credential[1], "--at", "2001-01-01").out


def test_a_keyring_is_a_pin_file(pindrill: Pindrill) -> None:
    pindrill.call("keyring", "create", "kept")
    leaf = next(
        line
        for line in lines(pindrill.call("pins", "of", "--keyring", "kept", "--json"))
        if line["strategy"] == "leaf-spki"
    )
    (rule,) = lines(pindrill.call("pins", "show", "kept", "--json"))
    assert (rule["format"], rule["domain"]) == ("keyring", "app.pin.test")
    assert [pin["base64"] for pin in rule["pins"]] == [leaf["pin"], leaf["backup"]]  # type: ignore[attr-defined]
    assert "sha256/" in pindrill.call("pins", "convert", "kept", "--to", "okhttp").out
    assert pindrill.call("pins", "lint", "kept").code == 0


# --- show, convert, diff -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PLAIN, ids=str)
def test_every_vector_is_shown(pindrill: Pindrill, path: Path) -> None:
    shown = pindrill.call("pins", "show", str(path))
    assert shown.code == 0
    assert str(path) in shown.out
    rules = lines(pindrill.call("pins", "show", str(path), "--json"))
    assert rules
    assert all(line["crash"] == "" for line in rules)


def test_what_is_shown_is_what_holds(pindrill: Pindrill) -> None:
    assert "expires 2030-01-31 00:00 local time" in pindrill.call("pins", "show", NSC).out
    assert "expired 2030-01-31" in pindrill.call("pins", "show", NSC, "--at", "2031-01-01").out
    (line,) = lines(pindrill.call("pins", "show", NSC, "--json", "--at", "2031-01-01"))
    assert (line["expired"], line["binds"]) == (True, False)
    assert "example.com and one label under example.com" in pindrill.call("pins", "show", ATS).out


def test_convert_writes_or_refuses(pindrill: Pindrill) -> None:
    refused = pindrill.call("pins", "convert", NSC, "--to", "trustkit-ios")
    assert (refused.code, refused.out) == (2, "")
    assert f"{NSC}:5: time-zone" in refused.err or f"{NSC}:4: time-zone" in refused.err
    assert "--drop time-zone" in refused.err
    done = pindrill.call("pins", "convert", NSC, "--to", "trustkit-ios", "--drop", "time-zone", "-o", "out.plist")
    assert (done.code, done.out) == (0, "")
    assert pindrill.call("pins", "lint", "out.plist", *AT).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "word"], "no format is called 'word'"),
        (["--to", "envoy"], "can be read, not written"),
        (["--to", "curl", "--pins-are", "both"], "--pins-are is leaf or ca"),
        (["--to", "ats", "--drop", "pins"], "no format is called 'ats'"),
        (["--to", "okhttp", "--drop", "pins"], "--drop is one of"),
        (["--to", "okhttp", "--from", "curl"], "choose one with --from"),
        (["--to", "hpkp", "--drop", "expires", "--drop", "domain"], "--max-age"),
        (["--to", "okhttp", "--drop", "expires", "-o", "/nowhere/x"], "cannot be written"),
    ],
    ids=str,
)
def test_convert_usage(pindrill: Pindrill, arguments: list[str], words: str) -> None:
    ran = pindrill.call("pins", "convert", NSC, *arguments)
    assert ran.code == 2
    assert words in ran.err


def test_pins_for_every_host_get_one(pindrill: Pindrill) -> None:
    curlrc = str(VECTORS / "curl" / "curlrc")
    assert "give --host" in pindrill.call("pins", "convert", curlrc, "--to", "android-nsc").err
    named = pindrill.call("pins", "convert", curlrc, "--to", "android-nsc", "--host", "example.com")
    assert "example.com</domain>" in named.out


def test_diff_compares_what_is_meant(pindrill: Pindrill, tmp_path: Path) -> None:
    kotlin, java = (str(VECTORS / "okhttp" / f"Pinner.{end}") for end in ("kt", "java"))
    assert pindrill.call("pins", "diff", kotlin, kotlin).out.strip() == "no difference"
    ran = pindrill.call("pins", "diff", kotlin, java)
    assert ran.code == 0
    assert f"  - sha256/{text(3)}" in ran.out
    changed = tmp_path / "changed.xml"
    changed.write_text(Path(NSC).read_text().replace(text(2), text(4)).replace("2030", "2032"))
    (line,) = lines(pindrill.call("pins", "diff", NSC, str(changed), "--json"))
    assert (line["only_first"], line["only_second"]) == ([f"sha256/{text(2)}"], [f"sha256/{text(4)}"])
    assert line["changes"] == ["expires: 2030-01-31 local -> 2032-01-31 local"]
    late = lines(pindrill.call("pins", "diff", NSC, str(changed), "--json", "--at", "2031-06-01"))
    assert "pinned: no -> yes" in late[0]["changes"]  # type: ignore[operator]


def test_what_a_file_says_cannot_write_to_the_terminal(pindrill: Pindrill, tmp_path: Path) -> None:
    path = tmp_path / "x.kt"
    path.write_text('CertificatePinner.Builder().add("a\x1b]0;owned\x07b.example", "sha256/\x1b[31m")\n')
    for command in ("lint", "show"):
        ran = pindrill.call("pins", command, str(path))
        assert not set("\x1b\x07") & set(ran.out + ran.err)
