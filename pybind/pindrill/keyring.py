"""Labelled keys: pins follow keys, so a kept keyring keeps pins true that were compiled into an app."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pindrill import _core
from pindrill.dates import ANY_TIME, at_any_time, within
from pindrill.key_cache import cached_key
from pindrill.machine.private_files import (
    NotOurs,
    check_private_folder,
    check_trusted_folder,
    make_private_folder,
    read_private,
    read_trusted,
    write_private,
)
from pindrill.model import BACKUP, GENUINE, HOST, TRUSTED_ROOTS, UsageError

PERMITTED_NAMES = ["pin.test", "other.test"]
INTERCEPTION_ROOT = "root-interception"
"""Issues for whatever an app contacts, so no name constraint can bind it: it lives shorter than the others."""
_INTERCEPTION_LIFETIME = timedelta(days=90)
STANDARD_LABELS = (
    *TRUSTED_ROOTS,
    *(f"intermediate-{name}" for name in ("current", "backup", "third")),
    *(f"leaf-{name}" for name in ("current", "backup", "third")),
)
_UNCOMMON = {"rsa": "rsa-2048", "rsa3072": "rsa-3072", "rsa8192": "rsa-8192", "p521": "p-521", "ed25519": "ed25519"}
_TOO_SMALL = frozenset({"RSA-512", "RSA-768", "RSA-1024"})
_SLOW = frozenset({"rsa-4096", "rsa-8192"})
_QUICK = "rsa-2048"


CoreError, InputError = _core.CoreError, _core.InputError
VERSIONS = (_core.version, _core.openssl_version)
"""Of pindrill and of the OpenSSL that it runs on."""


class NotServable(Exception):
    """What a scenario would have to serve cannot be made from this keyring."""


class PrivateKeyElsewhere(NotServable):
    """A scenario would have to serve a key of which only the public half is here."""


class Keyring:
    """Keys by label, root certificates and pinned leaf certificates. In memory, or kept in a directory.

    In memory all but the RSA keys are new: those come from the user's cache, since making them takes long.
    `drawing`: in memory, for looking at scenarios; what takes long to make is drawn with a quicker key.
    """

    def __init__(self, directory: Path | None = None, *, drawing: bool = False) -> None:
        self.directory = directory
        self._drawing = drawing
        self._keys: dict[str, _core.KeyPair] = {}
        self._certificates: dict[str, _core.Certificate] = {}
        self._lock = threading.RLock()

    @classmethod
    def create(cls, directory: Path) -> Keyring:
        if directory.exists() and not directory.is_dir():
            raise UsageError(f"{directory}: is no directory; name a new one for the keyring")
        if directory.exists() and any(directory.iterdir()):
            raise UsageError(f"{directory}: not empty; name a new directory for the keyring")
        try:
            for part in (directory, directory / "keys", directory / "certificates"):
                make_private_folder(part)
                part.chmod(0o700)
            write_private(directory / "keyring.json", json.dumps({"version": 1}) + "\n")
        except OSError as error:
            raise UsageError(f"{directory}: no keyring can be made here: {error.strerror}") from error
        keyring = cls(directory)
        for label in STANDARD_LABELS:
            keyring.key(label)
        for root in TRUSTED_ROOTS:
            keyring.root(root)
        keyring.pinned_leaf(GENUINE.key)
        keyring.pinned_leaf(BACKUP.key)
        return keyring

    @classmethod
    def open(cls, directory: Path) -> Keyring:
        try:
            if not (directory / "keyring.json").is_file():
                raise UsageError(f"{directory}: no keyring here; make one with `pindrill keyring create {directory}`")
            stored = _checked(directory.resolve())
            version = json.loads(read_trusted(directory / "keyring.json", mend=directory)).get("version")
        except NotOurs as error:
            raise UsageError(str(error)) from error
        except (OSError, ValueError, AttributeError) as error:
            raise UsageError(f"{directory}: cannot read the keyring: {error}") from error
        if version != 1:
            raise UsageError(f"{directory}: keyring version {version!r}; this pindrill reads version 1")
        if missing := [label for label in STANDARD_LABELS if label not in stored]:
            raise UsageError(
                f"{directory / 'keys' / missing[0]}.pem: is missing, and a new key would have another pin; "
                "restore it from a copy, or make a new keyring"
            )
        return cls(directory)

    def expiring(self) -> tuple[str, int] | None:
        """Which kept certificate ends first, and when (seconds since the epoch); None where none can be kept."""
        roots = [(root, self.root_certificate(root)) for root in TRUSTED_ROOTS]
        leaves = [(leaf, self.pinned_leaf(leaf)) for leaf in (GENUINE.key, BACKUP.key) if self._can_issue(leaf)]
        ends = [(certificate.not_after, label) for label, certificate in (*roots, *leaves) if certificate]
        return min(ends)[::-1] if ends else None

    @classmethod
    def open_to_drill(cls, directory: Path) -> Keyring:
        """Nobody accepts an expired certificate: a drill would blame the client for the keyring's age."""
        keyring = cls.open(directory)
        label, end = keyring.expiring() or ("", time.time() + 1)
        if end <= time.time():
            raise UsageError(
                f"{directory}: the certificate of {label} expired on {datetime.fromtimestamp(end, UTC):%Y-%m-%d}; "
                f"{keyring.remedy(label)}"
            )
        return keyring

    def remedy(self, label: str) -> str:
        """What to do about a kept certificate that ends."""
        if label.startswith("leaf-"):
            return (
                f"remove certificates/{label}.pem, and it is made again for the same key: pins on keys stay true, "
                "pins on this certificate do not"
            )
        return "make a new keyring with `pindrill keyring create`, and compile its pins in"

    def _can_issue(self, leaf: str) -> bool:
        served = {GENUINE.key: GENUINE, BACKUP.key: BACKUP}[leaf]
        return self._stored_certificate(leaf) is not None or all(self.key(each).has_private for each in served.issuers)

    @property
    def mark(self) -> str:
        """Tells the names of this keyring's authorities from those of others."""
        return _core.Pin.of_key(self.key("root-current")).hex[:4]

    def labels(self) -> list[str]:
        if self.directory is None:
            return sorted(self._keys)
        return sorted(path.name.split(".")[0] for path in (self.directory / "keys").iterdir())

    def key(self, label: str) -> _core.KeyPair:
        """The key of this label; made when it is first asked for."""
        with self._lock:
            if label not in self._keys:
                self._keys[label] = self._stored_key(label) or self._new_key(label)
            return self._keys[label]

    def private(self, label: str) -> _core.KeyPair:
        key = self.key(label)
        if not key.has_private:
            raise PrivateKeyElsewhere(f"the keyring holds only the public half of '{label}'")
        return key

    def import_key(self, label: str, pem: str) -> _core.KeyPair:
        """A staging server's private key; or a real backup pin from a public key, certificate or CSR.

        Kept certificates that the new key makes untrue are made again: certificate pins change with them.
        """
        key = _core.KeyPair.from_pem(pem)
        _refuse_type(label, key)
        if key.type_name in _TOO_SMALL:
            raise UsageError(f"{key.type_name}: clients refuse so small a key whatever they pin; take 2048 bits")
        with self._lock:
            self._keys[label] = key
            self._store_key(label, key)
            for stale in self._untrue_without(label):
                self._forget_certificate(stale)
            if label.startswith("root-") and "-----BEGIN CERTIFICATE-----" in pem:
                self._certificates[label] = _core.Certificate.from_pem(pem)
                self._store_certificate(label, self._certificates[label])
        return key

    def root(self, label: str) -> _core.Authority:
        """A root; `@2` behind the label names a later certificate of the same key, `@any-time` one for decades."""
        key = self.private(label.partition("@")[0])
        certificate = self.root_certificate(label)
        assert certificate is not None
        return _core.Authority(key, certificate)

    def root_certificate(self, label: str) -> _core.Certificate | None:
        """For a trust store; None when only the root's public key is here, of which no certificate can be made."""
        name, _, generation = label.partition("@")
        key = self.key(name)
        with self._lock:
            if label not in self._certificates:
                stored = None if generation else self._stored_certificate(label)
                if stored is None and not key.has_private:
                    return None
                self._certificates[label] = stored or _core.self_signed(key, self._root_spec(name, generation))
                if stored is None and not generation:
                    self._store_certificate(label, self._certificates[label])
            return self._certificates[label]

    def _untrue_without(self, label: str) -> list[str]:
        """The labels of kept certificates that name, or are signed by, a key of this label."""
        if label == "root-current":
            return [*TRUSTED_ROOTS, GENUINE.key, BACKUP.key]  # its digest is in the names of all authorities
        leaves = [served.key for served in (GENUINE, BACKUP) if label in (served.key, *served.issuers)]
        return [label, *leaves]

    def _forget_certificate(self, label: str) -> None:
        for name in [name for name in self._certificates if name.split("@")[0] == label]:
            del self._certificates[name]
        if self.directory:
            (self.directory / "certificates" / f"{label}.pem").unlink(missing_ok=True)

    def pinned_leaf(self, label: str) -> _core.Certificate:
        """The leaf certificate that a certificate pin may be on: kept, where others are minted afresh."""
        served = {GENUINE.key: GENUINE, BACKUP.key: BACKUP}[label]
        with self._lock:
            if label not in self._certificates:
                stored = self._stored_certificate(label)
                self._certificates[label] = stored or self._new_leaf(label, served.issuers)
                if stored is None:
                    self._store_certificate(label, self._certificates[label])
            return self._certificates[label]

    def authority_name(self, label: str) -> str:
        role, _, name = label.partition("-")
        return f"pindrill TEST {role.capitalize()} {name} {self.mark}"

    def _root_spec(self, label: str, generation: str) -> _core.CertificateSpec:
        name = self.authority_name(label)
        if generation == ANY_TIME:
            begin, end = at_any_time()
            return _core.CertificateSpec(name, ca=True, permitted_dns=PERMITTED_NAMES, not_before=begin, not_after=end)
        if label == INTERCEPTION_ROOT:
            return _core.CertificateSpec(name, ca=True, not_after=_INTERCEPTION_LIFETIME)
        return _core.CertificateSpec(name, ca=True, permitted_dns=PERMITTED_NAMES)

    def _new_leaf(self, label: str, issuers: tuple[str, ...]) -> _core.Certificate:
        root, intermediate = issuers
        issuer = self.root(root).intermediate(
            self.private(intermediate), _core.CertificateSpec(self.authority_name(intermediate), ca=True)
        )
        begin, end = within(issuer.certificate, (GENUINE.not_before, GENUINE.not_after))
        return issuer.issue(self.key(label), _core.CertificateSpec(HOST, dns=[HOST], not_before=begin, not_after=end))

    def _new_key(self, label: str) -> _core.KeyPair:
        kind = _UNCOMMON.get(label.partition("-")[2], "p-256")
        if self._drawing:
            return _core.KeyPair.generate(_QUICK if kind in _SLOW else kind)
        if self.directory is None and kind.startswith("rsa-"):
            return cached_key(label, kind)
        key = _core.KeyPair.generate(kind)
        self._store_key(label, key)
        return key

    def _stored_key(self, label: str) -> _core.KeyPair | None:
        if self.directory is None:
            return None
        for name in (f"{label}.pem", f"{label}.pub.pem"):
            path = self.directory / "keys" / name
            if path.is_file():
                try:
                    key = _core.KeyPair.from_pem(read_private(path, mend=self.directory))
                except NotOurs as error:
                    raise UsageError(str(error)) from error
                except (_core.InputError, OSError, UnicodeDecodeError) as error:
                    raise UsageError(f"{path}: {error}") from error
                _refuse_type(label, key)
                return key
        return None

    def _store_key(self, label: str, key: _core.KeyPair) -> None:
        if self.directory is None:
            return
        private = self.directory / "keys" / f"{label}.pem"
        public = self.directory / "keys" / f"{label}.pub.pem"
        if key.has_private:
            write_private(private, key.private_pem())
            public.unlink(missing_ok=True)
        else:
            write_private(public, key.public_pem())
            private.unlink(missing_ok=True)

    def _stored_certificate(self, label: str) -> _core.Certificate | None:
        path = self.directory and self.directory / "certificates" / f"{label}.pem"
        if not path or not path.is_file():
            return None
        try:
            certificate = _core.Certificate.from_pem(read_trusted(path, mend=self.directory))
        except NotOurs as error:
            raise UsageError(str(error)) from error
        except (_core.InputError, OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: {error}") from error
        if not _core.Pin.of_key(self.key(label)).matches(certificate):
            raise UsageError(f"{path}: is not of the key {label}; restore both from one copy, or make a new keyring")
        return certificate

    def _store_certificate(self, label: str, certificate: _core.Certificate) -> None:
        if self.directory is not None:
            write_private(self.directory / "certificates" / f"{label}.pem", certificate.pem)


def _checked(directory: Path) -> set[str]:
    """The labels of its keys. Raises NotOurs: another user could have changed what a verdict rests on."""
    keys, certificates = directory / "keys", directory / "certificates"
    for folder in (directory, keys):
        check_private_folder(folder, mend=directory)
    if certificates.exists():
        check_trusted_folder(certificates, mend=directory)
    for path in sorted(keys.iterdir()):
        read_private(path, mend=directory)
    return {path.name.split(".")[0] for path in keys.iterdir()}


def _refuse_type(label: str, key: _core.KeyPair) -> None:
    """A label that says its type is served for the sake of it."""
    kind = _UNCOMMON.get(label.partition("-")[2], key.type_name.lower())
    found = key.type_name.lower()
    if found != kind and not (label.endswith("-rsa") and found.startswith("rsa-")):
        raise UsageError(f"'{label}' is for a key of the type {kind.upper()}, and this one is {key.type_name}")
