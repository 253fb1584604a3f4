"""Android's own code judges Network Security Config files and chains; preflight must say the same."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pindrill.clients.client_file import read_client_file
from pindrill.pinfiles import read, rules_for
from pindrill.preflight import Status, check, read_chain, read_trust
from support.names import HOSTS, written
from support.planned import HOST, cross_signed, intermediate, leaf, new_key, nsc, put, root, spki_pin

CLIENT = Path(__file__).parent.parent / "fixtures" / "clients" / "android-nsc"
NOW = datetime.now(UTC)
DID = {Status.ACCEPTS: "accepted", Status.UNPROTECTED: "accepted", Status.LOCKED_OUT: "refused"}


def days(number: int) -> str:
    return f"{NOW + timedelta(days=number):%Y-%m-%d}"


def files() -> tuple[dict[str, str], dict[str, list[str]], str]:
    """Configurations, chains and trusted roots: all of them are asked about all of them."""
    old, new = root("Old root"), root("New root")
    issuer, other = intermediate("Issuer", old), intermediate("Other issuer", new)
    key, backup, foreign = new_key(), new_key(), new_key()
    pin = spki_pin(key)
    nested = (
        f'<network-security-config><domain-config><domain includeSubdomains="true">example.com</domain>'
        f'<pin-set><pin digest="SHA-256">{pin}</pin></pin-set>'
        f'<domain-config><domain includeSubdomains="true">{HOST}</domain>{{}}</domain-config>'
        "</domain-config></network-security-config>"
    )
    configurations = {
        "leaf": nsc(pin),
        "leaf and backup": nsc(pin, spki_pin(backup)),
        "intermediate": nsc(issuer.pin),
        "old root": nsc(old.pin),
        "new root": nsc(new.pin),
        "both roots": nsc(old.pin, new.pin),
        "expired": nsc(pin, expires=days(-3)),
        "expires later": nsc(pin, expires=days(3)),
        "the year 27": nsc(pin, expires="27-12-31"),
        "parent domain": nsc(pin, host="example.com"),
        "sibling": nsc(pin, host="other.example.com"),
        "nested, inherits": nested.format(""),
        "nested, empty set": nested.format("<pin-set></pin-set>"),
        "nested, own": nested.format(f'<pin-set><pin digest="SHA-256">{other.pin}</pin></pin-set>'),
        "unpadded": nsc(pin.rstrip("=")),
        "prefixed": nsc("sha256/" + pin),
        "too short": nsc(pin[:20]),
        "no date": nsc(pin, expires="soon"),
        "no pins": "<network-security-config></network-security-config>",
    }
    begin, shown = days(-10), [issuer.pem]
    chains = {
        "as pinned": [leaf(issuer, key, begin), *shown],
        "with the root": [leaf(issuer, key, begin), *shown, old.pem],
        "renewed": [leaf(issuer, key, days(-1)), *shown],
        "backup": [leaf(issuer, backup, begin), *shown],
        "foreign key": [leaf(issuer, foreign, begin), *shown],
        "other CA": [leaf(other, backup, begin), other.pem],
        "cross-signed": [leaf(other, backup, begin), other.pem, cross_signed(new, old)],
        "pinned certificate appended": [leaf(issuer, foreign, begin), *shown, leaf(issuer, key, begin)],
        "without its issuer": [leaf(issuer, key, begin)],
        "expired": [leaf(issuer, key, days(-60)), *shown],
        "not yet valid": [leaf(issuer, key, days(5)), *shown],
    }
    return configurations, chains, old.pem + new.pem


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, Path, Path, Path]]:
    directory = tmp_path_factory.mktemp("nsc")
    configurations, chains, roots = files()
    trust = put(directory / "roots.pem", roots)
    return [
        (
            named,
            shown,
            put(directory / f"{number}.xml", text),
            put(directory / f"{other}.pem", *certificates),
            trust,
        )
        for number, (named, text) in enumerate(configurations.items())
        for other, (shown, certificates) in enumerate(chains.items())
    ]


@pytest.fixture(scope="module")
def platform(asked: list[tuple[str, str, Path, Path, Path]]) -> list[str]:
    """What Android 14 does with each."""
    command = [*read_client_file(CLIENT).command, "--questions"]
    questions = [
        json.dumps({"file": str(file), "chain": str(chain), "trust": str(trust), "host": HOST})
        for _, _, file, chain, trust in asked
    ]
    done = subprocess.run(command, input="\n".join(questions), capture_output=True, text=True, check=True)
    return [json.loads(line)["result"] for line in done.stdout.splitlines()]


def test_preflight_says_what_the_platform_does(
    asked: list[tuple[str, str, Path, Path, Path]], platform: list[str]
) -> None:
    wrong, unsaid = [], set()
    for (named, shown, file, chain, trust), does in zip(asked, platform, strict=True):
        [outlook] = check([read(file)], [read_chain(chain, read_trust(trust))], hosts=[HOST], at=NOW)
        if outlook.status not in DID:
            unsaid.add((named, shown))
        elif DID[outlook.status] != does:
            wrong.append((named, shown, outlook.status.value, outlook.reason, does))
    assert not wrong
    # Two paths, one over each root: which one a client takes is its own affair.
    assert unsaid <= {(named, "cross-signed") for named in ("old root", "new root")}


def test_the_platform_was_asked_both_ways(platform: list[str]) -> None:
    assert platform.count("accepted") > 30
    assert platform.count("refused") > 30


def test_preflight_and_the_platform_agree_on_names(tmp_path: Path) -> None:
    """The chain has a foreign key: who is pinned refuses it, who is not accepts it."""
    trusted = root("Root")
    issuer = intermediate("Issuer", trusted)
    trust, chain = put(tmp_path / "roots.pem", trusted.pem), tmp_path / "chain.pem"
    put(chain, leaf(issuer, new_key(), days(-10)), issuer.pem)
    names = [name for name in written(200) if name.strip(" ")]
    files = [put(tmp_path / f"{at}.xml", nsc(spki_pin(new_key()), host=name)) for at, name in enumerate(names)]
    asked = [(name, file, host) for name, file in zip(names, files, strict=True) for host in HOSTS]
    command = [*read_client_file(CLIENT).command, "--questions"]
    questions = [
        json.dumps({"file": str(file), "chain": str(chain), "trust": str(trust), "host": host})
        for _, file, host in asked
    ]
    done = subprocess.run(command, input="\n".join(questions), capture_output=True, text=True, check=True)
    told = [json.loads(line)["result"] == "refused" for line in done.stdout.splitlines()]
    ours = {file: read(file) for file in files}
    wrong = [
        (name, host, refused)
        for (name, file, host), refused in zip(asked, told, strict=True)
        if refused != (bool(ours[file].crash) or any(rule.pins for rule in rules_for(ours[file], host)))
    ]
    assert wrong == []
    assert sum(told) > 30
    [dotted] = check(
        [read(put(tmp_path / "dot.xml", nsc(spki_pin(new_key()), host=f"{HOST}.")))], [read_chain(chain)], at=NOW
    )
    assert dotted.status is Status.UNPROTECTED
