"""Pins in the notations in use, as printed by `pindrill pins of` and `pindrill keyring`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pindrill import _core
from support.cli import Pindrill
from support.openssl import openssl, spki_pin


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_text(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    return path


def public(key: Path) -> str:
    return openssl("pkey", "-in", str(key), "-pubout")


def certificate(key: Path, subject: str = "/CN=app.pin.test") -> str:
    return openssl("req", "-x509", "-key", str(key), "-subj", subject, "-days", "1")


def written(key: Path, text: str) -> str:
    path = key.with_name("file.pem")
    path.write_text(text)
    return str(path)


def test_every_notation_of_a_key(pindrill: Pindrill, key: Path) -> None:
    pin = spki_pin(public(key))
    digest = _core.Pin.parse(pin, "spki").hex
    ran = pindrill.call("pins", "of", written(key, public(key)))
    assert ran.code == 0
    assert [line.split("  ")[-1].strip() for line in ran.out.splitlines()] == [
        "key (SPKI)",
        f"sha256/{pin}",
        f"sha256//{pin}",
        f'pin-sha256="{pin}"',
        pin,
        f"3 1 1 {digest}",
        digest,
        ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper(),
    ]


@pytest.mark.parametrize("form", ["private key", "public key", "request", "certificate"])
def test_the_same_key_in_every_form(pindrill: Pindrill, key: Path, form: str) -> None:
    text = {
        "private key": key.read_text(),
        "public key": public(key),
        "request": openssl("req", "-new", "-key", str(key), "-subj", "/CN=x"),
        "certificate": certificate(key),
    }[form]
    ran = pindrill.call("pins", "of", written(key, text))
    assert ran.code == 0
    assert f"sha256/{spki_pin(public(key))}" in ran.out
    assert "PRIVATE" not in ran.out + ran.err


def test_a_chain_prints_key_and_certificate_of_each(pindrill: Pindrill, key: Path) -> None:
    one, two = certificate(key, "/CN=one"), certificate(key, "/CN=two")
    ran = pindrill.call("pins", "of", written(key, f"some words\n{one}# more words\n{two}"))
    assert [line for line in ran.out.splitlines() if line.startswith("CN")] == ["CN=one", "CN=two"]
    for pem in (one, two):
        digest = hashlib.sha256(_core.Certificate.from_pem(pem).der).hexdigest()
        assert f"hex {digest}" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    "text",
    ["", "not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\0\1\2"],
    ids=["empty", "words", "no certificate", "binary"],
)
def test_what_cannot_be_read_is_named(pindrill: Pindrill, key: Path, text: str) -> None:
    ran = pindrill.call("pins", "of", path := written(key, text))
    assert ran.code == 2
    assert path in ran.err
    assert "Traceback" not in ran.err


def test_a_file_that_is_not_there_or_not_text(pindrill: Pindrill, key: Path) -> None:
    (key.parent / "der").write_bytes(bytes(range(255, -1, -1)))
    for path in (key.parent / "missing.pem", key.parent, key.parent / "der"):
        ran = pindrill.call("pins", "of", str(path))
        assert ran.code == 2
        assert f"{path}: cannot be read as PEM text" in ran.err


def test_one_source_of_pins_at_a_time(pindrill: Pindrill, key: Path) -> None:
    assert pindrill.call("pins", "of").code == 2
    assert pindrill.call("pins", "of", str(key), "--keyring", str(key.parent)).code == 2


def test_a_subject_cannot_write_to_the_terminal(pindrill: Pindrill, key: Path) -> None:
    pem = certificate(key, "/CN=a\x1b]0;owned\x07b")
    ran = pindrill.call("pins", "of", written(key, pem))
    assert ran.code == 0
    assert not set("\x1b\x07") & set(ran.out)


# --- a keyring's -------------------------------------------------------------------------------------------


def test_a_keyring_prints_its_pins_and_nothing_private(pindrill: Pindrill) -> None:
    created = pindrill.call("keyring", "create", "kept")
    assert created.code == 0
    printed = pindrill.call("pins", "of", "--keyring", "kept").out
    assert printed.splitlines()[:-1] == created.out.splitlines()[:-1]
    for kind in ("leaf-cert", "leaf-spki", "intermediate-spki", "root-spki"):
        assert f"{kind:18} sha256/" in created.out
    assert "expires in 36" in created.out
    secret_lines = [
        line
        for path in (pindrill.directory / "kept" / "keys").iterdir()
        for line in path.read_text().splitlines()
        if "-----" not in line
    ]
    assert len(secret_lines) > 10
    assert not [line for line in secret_lines if line in created.out + created.err]


def test_an_import_prints_the_pin_and_which_half_it_kept(pindrill: Pindrill, key: Path) -> None:
    pindrill.call("keyring", "create", "kept")
    private = pindrill.call("keyring", "import", "kept", "leaf-current", str(key))
    assert "private key" in private.out
    assert spki_pin(public(key)) in private.out
    assert key.read_text().splitlines()[1] not in private.out + private.err
    half = pindrill.call("keyring", "import", "kept", "leaf-backup", written(key, public(key)))
    assert "public key only: scenarios that would serve it are unsupported" in half.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("keyring", "create", "key.pem"),
            "key.pem",
        ),
        (("keyring", "import", "kept", "leaf-nobody", "key.pem"), "no label 'leaf-nobody'"),
        (("keyring", "import", "kept", "leaf-current", "missing.pem"), "missing.pem: cannot be read"),
        (("keyring", "import", "missing", "leaf-current", "key.pem"), "pindrill keyring create missing"),
        (("pins", "of", "--keyring", "missing"), "no keyring here"),
    ],
)
def test_keyring_usage_errors(pindrill: Pindrill, arguments: tuple[str, ...], words: str) -> None:
    pindrill.call("keyring", "create", "kept")
    (pindrill.directory / "key.pem").write_text("no key")
    ran = pindrill.call(*arguments)
    assert ran.code == 2
    assert words in ran.err
    assert "Traceback" not in ran.err
