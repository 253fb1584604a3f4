"""A keyring keeps what pins may be on, and gives nothing private away."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from pindrill import _core
from pindrill.drills.cells import Planner
from pindrill.keyring import STANDARD_LABELS, Keyring, PrivateKeyElsewhere
from pindrill.mint import Mint
from pindrill.model import BACKUP, GENUINE, STRATEGIES, STRATEGY, TRUSTED_ROOTS, PinsOf, UsageError
from pindrill.scenarios import CATALOGUE
from support.openssl import openssl, openssl_key, printed, spki_pin, verify

DAY = 86400


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "kept"
    Keyring.create(path)
    return path


# --- kept and not kept ------------------------------------------------------------------------------------


def test_pins_are_the_same_at_every_opening(directory: Path) -> None:
    first, second = Mint(Keyring.open(directory)), Mint(Keyring.open(directory))
    for strategy in STRATEGIES:
        assert first.pins(strategy, PinsOf()) == second.pins(strategy, PinsOf())


def test_two_keyrings_share_no_key(directory: Path, tmp_path: Path) -> None:
    other = Keyring.create(tmp_path / "other")
    kept = Keyring.open(directory)
    assert not {kept.key(label).spki for label in STANDARD_LABELS} & {
        other.key(label).spki for label in STANDARD_LABELS
    }


def test_roots_and_pinned_leaves_are_kept_other_certificates_are_fresh(directory: Path) -> None:
    first, second = Mint(Keyring.open(directory)), Mint(Keyring.open(directory))
    assert first.trust(TRUSTED_ROOTS) == second.trust(TRUSTED_ROOTS)
    for kept in (GENUINE, BACKUP):
        assert first.leaf(kept) == second.leaf(kept)
    assert first.credential(GENUINE).chain[1] != second.credential(GENUINE).chain[1]
    assert first.leaf(GENUINE.renew()) != second.leaf(GENUINE.renew())


def test_a_genuine_chain_of_kept_and_fresh_certificates_verifies(directory: Path, tmp_path: Path) -> None:
    mint = Mint(Keyring.open(directory))
    for served in (GENUINE, BACKUP):
        assert verify(tmp_path, mint.credential(served).chain, mint.trust(served.issuers[:1])) == ""


def test_a_key_that_is_asked_for_later_is_kept_too(directory: Path) -> None:
    made = Keyring.open(directory).key("leaf-ed25519")
    assert made.type_name.lower() == "ed25519"
    assert Keyring.open(directory).key("leaf-ed25519").spki == made.spki


def test_in_memory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    mint = Mint(Keyring())
    mint.credential(GENUINE)
    mint.trust(TRUSTED_ROOTS)
    assert list(tmp_path.iterdir()) == []


def test_lifetimes(directory: Path) -> None:
    keyring, now = Keyring.open(directory), time.time()
    for root in TRUSTED_ROOTS:
        assert (keyring.root(root).certificate.not_after - now) / DAY == pytest.approx(3650, abs=1)
    for kept in (keyring.pinned_leaf(GENUINE.key), keyring.pinned_leaf(BACKUP.key)):
        assert (now - kept.not_before) / DAY == pytest.approx(30, abs=1)
        assert (kept.not_after - kept.not_before) / DAY == pytest.approx(397, abs=1)


def test_roots_say_test_and_are_constrained_to_the_names_under_test(directory: Path) -> None:
    keyring = Keyring.open(directory)
    for root in TRUSTED_ROOTS:
        certificate = keyring.root(root).certificate
        assert "TEST" in printed(certificate, "-subject")
        constraints = printed(certificate, "-ext", "nameConstraints")
        assert "DNS:pin.test" in constraints
        assert "DNS:other.test" in constraints
        assert "critical" in openssl("x509", "-noout", "-ext", "nameConstraints", text=certificate.pem)


# --- what cannot be used ----------------------------------------------------------------------------------


def test_a_directory_without_a_keyring_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pindrill keyring create"):
        Keyring.open(tmp_path)


def test_a_used_directory_is_not_made_a_keyring(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(UsageError, match="not empty"):
        Keyring.create(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 2}', "{}"])
def test_another_version_or_a_damaged_one_is_not_opened(directory: Path, text: str) -> None:
    (directory / "keyring.json").write_text(text)
    with pytest.raises(UsageError, match=str(directory)):
        Keyring.open(directory)


@pytest.mark.parametrize("name", ["keys/leaf-current.pem", "certificates/root-current.pem"])
def test_a_damaged_file_is_named(directory: Path, name: str) -> None:
    (directory / name).write_text("-----BEGIN NOTHING-----\n")
    with pytest.raises(UsageError, match=str(directory / name)):
        Mint(Keyring.open(directory)).credential(GENUINE.present("leaf", "issuers", "root"))


def test_a_missing_key_is_not_made_anew(directory: Path) -> None:
    """Its pin is compiled into a client."""
    (directory / "keys" / "leaf-backup.pem").unlink()
    with pytest.raises(UsageError, match=r"keys/leaf-backup\.pem: is missing, and a new key would have another pin"):
        Keyring.open(directory)


def test_a_certificate_of_another_key_is_named(directory: Path) -> None:
    (directory / "keys" / "leaf-current.pem").write_text(_core.KeyPair.generate("p-256").private_pem())
    with pytest.raises(UsageError, match=r"certificates/leaf-current\.pem: is not of the key leaf-current"):
        Keyring.open(directory).pinned_leaf("leaf-current")


@pytest.mark.parametrize(
    ("label", "remedy"),
    [("root-rogue", "make a new keyring"), ("leaf-current", r"remove certificates/leaf-current\.pem")],
)
def test_an_expired_keyring_is_not_drilled_with(directory: Path, label: str, remedy: str) -> None:
    keyring = Keyring.open(directory)
    spec = _core.CertificateSpec(label, not_before=timedelta(days=-9), not_after=timedelta(days=-3))
    (directory / "certificates" / f"{label}.pem").write_text(_core.self_signed(keyring.key(label), spec).pem)
    assert (Keyring.open(directory).expiring() or ("", 0))[0] == label
    with pytest.raises(UsageError, match=f"the certificate of {label} expired on .*; {remedy}"):
        Keyring.open_to_drill(directory)


def test_an_expired_leaf_is_renewed_for_the_same_key(directory: Path) -> None:
    before = Keyring.open(directory).pinned_leaf("leaf-current")
    (directory / "certificates" / "leaf-current.pem").unlink()
    after = Keyring.open_to_drill(directory).pinned_leaf("leaf-current")
    assert before != after
    assert _core.Pin.of_key(Keyring.open(directory).key("leaf-current")).matches(after)


def test_a_keyring_that_cannot_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the keyring: .* name too long"):
        Keyring.open(tmp_path / ("k" * 300))


def test_where_no_keyring_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="no keyring can be made here: Not a directory"):
        Keyring.create(tmp_path / "file" / "keyring")


# --- keys from elsewhere ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "algorithm",
    [
        ("EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
        ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        ("ED25519",),
    ],
    ids=["P-384", "RSA", "Ed25519"],
)
def test_the_pin_of_an_imported_key_is_that_of_openssl(directory: Path, algorithm: tuple[str, ...]) -> None:
    pem = openssl_key(*algorithm)
    Keyring.open(directory).import_key("leaf-current", pem)
    mint = Mint(Keyring.open(directory))
    leaf_spki = next(strategy for strategy in STRATEGIES if strategy.name == "leaf-spki")
    assert mint.pins(leaf_spki, PinsOf()) == (spki_pin(openssl("pkey", "-pubout", text=pem)),)


@pytest.mark.parametrize(
    "label",
    [
        "leaf-current",
        "leaf-backup",
        "root-backup",
        "root-current",
        "intermediate-current",
        "intermediate-backup",
    ],
)
def test_the_genuine_chains_are_valid_after_an_import(directory: Path, tmp_path: Path, label: str) -> None:
    Keyring.open(directory).import_key(label, openssl_key())
    mint = Mint(Keyring.open(directory))
    for served in (GENUINE, BACKUP):
        assert verify(tmp_path, mint.credential(served).chain, mint.trust(served.issuers[:1])) == ""


def public_forms(tmp_path: Path) -> dict[str, str]:
    key = tmp_path / "key.pem"
    key.write_text(openssl_key())
    return {
        "public key": openssl("pkey", "-in", str(key), "-pubout"),
        "certificate": openssl("req", "-x509", "-key", str(key), "-subj", "/CN=x", "-days", "1"),
        "request": openssl("req", "-new", "-key", str(key), "-subj", "/CN=x"),
    }


@pytest.mark.parametrize("form", ["public key", "certificate", "request"])
def test_of_a_public_form_only_the_public_half_is_kept(directory: Path, tmp_path: Path, form: str) -> None:
    forms = public_forms(tmp_path)
    Keyring.open(directory).import_key("leaf-backup", forms[form])
    keyring = Keyring.open(directory)
    assert not keyring.key("leaf-backup").has_private
    assert _core.Pin.of_key(keyring.key("leaf-backup")).base64 == spki_pin(forms["public key"])
    assert not (directory / "keys" / "leaf-backup.pem").exists()
    with pytest.raises(PrivateKeyElsewhere, match="leaf-backup"):
        Mint(keyring).credential(BACKUP)


def planned_with_public_half(directory: Path, tmp_path: Path, label: str) -> set[str]:
    """Codes of the scenarios that are unsupported."""
    Keyring.open(directory).import_key(label, public_forms(tmp_path)["public key"])
    planner = Planner(Mint(Keyring.open(directory)))
    strategy = next(strategy for strategy in STRATEGIES if strategy.name == "leaf-spki+backup")
    cells = [planner.cell(scenario, strategy, scenario.tls[0]) for scenario in CATALOGUE if scenario.code != "RO10"]
    for cell in cells:
        assert cell.unsupported is None or f"public half of '{label}'" in cell.unsupported
    return {cell.scenario.code for cell in cells if cell.unsupported}


def test_scenarios_that_would_serve_a_key_kept_elsewhere_are_unsupported(directory: Path, tmp_path: Path) -> None:
    unsupported = planned_with_public_half(directory, tmp_path, "leaf-backup")
    assert unsupported == {"RO2", "RO4", "RO5", "RO6", "RO7", "RO8", "RO9", "RO22"}


def test_a_pin_on_a_certificate_that_cannot_be_made_is_unsupported(directory: Path, tmp_path: Path) -> None:
    """An import of its root makes the kept one untrue."""
    Keyring.open(directory).import_key("root-backup", public_forms(tmp_path)["public key"])
    planner = Planner(Mint(Keyring.open(directory)))
    [cell] = planner.cells(CATALOGUE[:1], [STRATEGY["leaf-cert+backup"]], ["1.3"])
    assert "only the public half of 'root-backup'" in (cell.unsupported or "")


def test_a_backup_root_kept_elsewhere_is_still_trusted(directory: Path, tmp_path: Path) -> None:
    assert planned_with_public_half(directory, tmp_path, "root-backup") >= {"RO5", "RO6", "RO7"}


def test_an_import_replaces_private_by_public_and_back(directory: Path, tmp_path: Path) -> None:
    keyring = Keyring.open(directory)
    keyring.import_key("leaf-backup", public_forms(tmp_path)["request"])
    pem = openssl_key()
    keyring.import_key("leaf-backup", pem)
    assert Keyring.open(directory).key("leaf-backup").has_private
    assert not (directory / "keys" / "leaf-backup.pub.pem").exists()


@pytest.mark.parametrize(
    ("label", "algorithm", "words"),
    [
        ("leaf-current", ("RSA", "-pkeyopt", "rsa_keygen_bits:1024"), "RSA-1024: clients refuse so small a key"),
        ("leaf-ed25519", (), "'leaf-ed25519' is for a key of the type ED25519, and this one is P-256"),
        ("leaf-rsa", (), "'leaf-rsa' is for a key of the type RSA-2048, and this one is P-256"),
    ],
)
def test_a_key_of_another_type_than_its_label_says_is_not_imported(
    directory: Path, label: str, algorithm: tuple[str, ...], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        Keyring.open(directory).import_key(label, openssl_key(*algorithm))


def test_a_stored_key_of_another_type_than_its_label_says_is_not_served(directory: Path) -> None:
    Keyring.open(directory).key("leaf-ed25519")
    (directory / "keys" / "leaf-ed25519.pem").write_text(openssl_key())
    with pytest.raises(UsageError, match="is for a key of the type ED25519"):
        Keyring.open(directory).key("leaf-ed25519")


def test_what_is_no_key_is_not_imported(directory: Path) -> None:
    before = Keyring.open(directory).key("leaf-current").spki
    with pytest.raises(_core.InputError):
        Keyring.open(directory).import_key("leaf-current", "not a key")
    assert Keyring.open(directory).key("leaf-current").spki == before
