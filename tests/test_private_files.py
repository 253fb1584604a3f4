"""Nobody else has a hand in a keyring or in the cache of keys: type, owner, mode and link are looked at."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pindrill import _core
from pindrill.keyring import STANDARD_LABELS, Keyring
from pindrill.mint import Mint
from pindrill.model import GENUINE, TRUSTED_ROOTS, UsageError
from support.openssl import openssl, openssl_key


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "kept"
    Keyring.create(path)
    return path


# --- permissions ------------------------------------------------------------------------------------------


def test_keys_are_for_the_owner_only(directory: Path) -> None:
    for folder in (directory, directory / "keys"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    keys = sorted((directory / "keys").iterdir())
    assert {path.name for path in keys} == {f"{label}.pem" for label in STANDARD_LABELS}
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


@pytest.mark.parametrize(
    ("part", "mode", "may"),
    [
        ("", 0o755, "read"),
        ("", 0o777, "write to"),
        ("keys", 0o750, "read"),
        ("keys/leaf-current.pem", 0o644, "read"),
        ("keys/leaf-current.pem", 0o666, "write to"),
        ("certificates", 0o777, "write to"),
    ],
)
def test_a_keyring_that_others_have_a_hand_in_is_not_opened(directory: Path, part: str, mode: int, may: str) -> None:
    (directory / part).chmod(mode)
    with pytest.raises(UsageError) as caught:
        Keyring.open(directory)
    fix = f"chmod -R go= {directory}"
    assert str(caught.value) == f"{directory / part}: others may {may} it (mode {mode:o}); fix it with `{fix}`"
    subprocess.run(fix, shell=True, check=True)
    Keyring.open(directory)


def test_a_keyring_from_a_checkout_is_mended_by_one_command(directory: Path) -> None:
    """git keeps no modes."""
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    with pytest.raises(UsageError, match=r"chmod -R go= ") as caught:
        Keyring.open(directory)
    subprocess.run(str(caught.value).split("`")[1], shell=True, check=True)
    Mint(Keyring.open(directory)).credential(GENUINE)


def test_a_folder_of_private_ones_may_hold_certificates_of_any_mode(directory: Path) -> None:
    """As those of keyrings that were made under a umask of 002."""
    (directory / "certificates" / "root-current.pem").chmod(0o664)
    Mint(Keyring.open(directory)).trust(TRUSTED_ROOTS)


@pytest.mark.parametrize("part", ["keys/leaf-current.pem", "certificates/root-current.pem", "keyring.json", "keys"])
def test_a_link_is_no_part_of_a_keyring(directory: Path, tmp_path: Path, part: str) -> None:
    (directory / part).rename(tmp_path / "elsewhere")
    (directory / part).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=rf"{directory / part}: is a symbolic link"):
        Mint(Keyring.open(directory)).trust(TRUSTED_ROOTS)


def test_a_keyring_may_be_named_by_a_link(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(directory)
    named, real = Mint(Keyring.open(tmp_path / "link")), Mint(Keyring.open(directory))
    assert named.trust(TRUSTED_ROOTS) == real.trust(TRUSTED_ROOTS)


@pytest.mark.parametrize("part", ["", "keys", "keys/leaf-current.pem", "certificates/root-current.pem"])
def test_what_belongs_to_another_user_is_not_taken(directory: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    real = os.fstat

    def given_away(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        same = os.path.samestat(found, (directory / part).stat())
        return os.stat_result((*found[:4], 4321, *found[5:])) if same else found

    monkeypatch.setattr(os, "fstat", given_away)
    with pytest.raises(UsageError, match="belongs to user 4321; if it is yours, `chown -R ") as caught:
        Mint(Keyring.open(directory)).trust(TRUSTED_ROOTS)
    assert str(caught.value).startswith(f"{directory / part}: ")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "4321")
    if os.getuid() == 0:  # else what is really ours is now another's
        Mint(Keyring.open(directory)).trust(TRUSTED_ROOTS)


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_a_new_keyring_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        Keyring.create(tmp_path / "above" / "keyring")
    finally:
        os.umask(before)
    for path in (tmp_path / "above").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    Keyring.open(tmp_path / "above" / "keyring")


@pytest.mark.parametrize("make", ["mkfifo", "huge"])
def test_what_is_no_ordinary_file_is_not_read(directory: Path, make: str) -> None:
    path = directory / "keys" / "leaf-current.pem"
    path.unlink()
    if make == "mkfifo":
        os.mkfifo(path, 0o600)
    else:
        path.touch(mode=0o600)
        os.truncate(path, 1 << 40)
    with pytest.raises(UsageError, match=r"leaf-current\.pem: is (no regular file|larger than 1 MiB)"):
        Keyring.open(directory)


# --- the cache ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["no directory", "no key"])
def test_a_cache_that_cannot_be_used_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if damage == "no directory":
        (tmp_path / "pindrill").touch()
    else:
        (tmp_path / "pindrill").mkdir()
        (tmp_path / "pindrill" / "leaf-rsa.pem").write_text("garbage")
    assert Keyring().key("leaf-rsa").type_name == "RSA-2048"


def another_key(*algorithm: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(openssl_key(*algorithm))


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def made_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "another type": (another_key(), "is of type P-256, not RSA-2048"),
    "too small": (another_key("RSA", "-pkeyopt", "rsa_keygen_bits:512"), "is of type RSA-512, not RSA-2048"),
    "public": (
        lambda path: path.write_text(openssl("pkey", "-in", str(path), "-pubout")),
        "is of type RSA-2048, without its private half, not RSA-2048",
    ),
    "linked": (linked, "is a symbolic link"),
    "open to all": (lambda path: path.chmod(0o666), r"others may write to it \(mode 666\)"),
    "readable": (lambda path: path.chmod(0o640), r"others may read it \(mode 640\)"),
    "a folder": (made_folder, "Is a directory|is no regular file"),
    "garbage": (lambda path: path.write_text("garbage"), "no PEM key"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_wrong_key_in_the_cache_is_made_again_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = Keyring().key("leaf-rsa")
    path = tmp_path / "pindrill" / "leaf-rsa.pem"
    do, words = DAMAGES[damage]
    do(path)
    after = Keyring().key("leaf-rsa")
    assert (after.type_name, after.has_private, after.spki != before.spki) == ("RSA-2048", True, True)
    assert re.search(rf"^pindrill: {path}: {words}", capsys.readouterr().err)
    if damage != "a folder":
        assert Keyring().key("leaf-rsa").spki == after.spki
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_a_new_cache_is_private_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = os.umask(umask)
    try:
        Keyring().key("leaf-rsa")
    finally:
        os.umask(before)
    for path in (tmp_path / "cache", *(tmp_path / "cache").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert Keyring().key("leaf-rsa").type_name == "RSA-2048"


def test_rsa_keys_are_made_once_on_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for label, kept in (("leaf-rsa", True), ("leaf-rsa3072", True), ("leaf-current", False), ("leaf-p521", False)):
        first, second = (_core.Pin.of_key(Keyring().key(label)).hex for _ in range(2))
        assert (first == second) == kept, label


def test_a_key_that_stands_for_a_slower_one_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Keyring(drawing=True).key("leaf-rsa8192").type_name == "RSA-2048"
    assert not list(tmp_path.rglob("*.pem"))
