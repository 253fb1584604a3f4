"""Whom an entry is for: each format by its platform's rules, and by the platform itself where it runs here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pindrill.pinfiles import read
from pindrill.pinfiles.model import Severity
from pindrill.pinfiles.names import canonical, is_plain, meant, to_ascii
from support.entries import (
    Maker,
    ats_file,
    curl_file,
    dane_file,
    git_file,
    is_pinned,
    okhttp_file,
    react_file,
    rules_found,
    trustkit_file,
)
from support.names import HOST, HOSTS, WRITTEN, written

OKHTTP = Path(__file__).parent.parent / "fixtures" / "clients" / "okhttp" / "build" / "lib"


# --- platforms that run here ------------------------------------------------------------------------------------


def test_okhttp_itself_says_the_same(tmp_path: Path) -> None:
    pairs = [(name, host) for name in written(150) for host in (*HOSTS, "münchen.example")]
    pairs += [(f"{star}{name}", host) for star in ("*.", "**.") for name in WRITTEN for host in HOSTS]
    asked = "".join(f"{name.encode().hex()}\t{host.encode().hex()}\n" for name, host in pairs)
    done = subprocess.run(
        ["java", "-cp", f"{OKHTTP}/*", str(Path(__file__).parent / "support" / "OkHttpNames.java")],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = done.stdout.splitlines()
    files = {name: read(okhttp_file(tmp_path / "x", name)) for name, _ in pairs}
    wrong = []
    for (name, host), said in zip(pairs, answers, strict=True):
        file = files[name]
        ours = "throws" if file.crash else "pinned" if is_pinned(file, host) else "not pinned"
        if ours != said:
            wrong.append((name, host, ours, said))
    # Which of two spellings of ß and joiners is sent depends on the version: said to be unpinned, with an error.
    unsure = [each for each in wrong if "ß" in each[0] and each[2:] == ("not pinned", "pinned")]
    assert [each for each in wrong if each not in unsure] == []
    assert answers.count("pinned") > 60
    assert answers.count("throws") > 500


ADDRESSES = (
    f"https://{HOST}",
    f"https://{HOST}/",
    f"https://{HOST}.",
    "HTTPS://API.Example.COM/",
    f"https://{HOST}:443",
    HOST,
    f"http://{HOST}",
    "https://*.example.com",
    "https://*.example.com.",
    "https://münchen.example",
    "https://xn--mnchen-3ya.example",
    f"https://{HOST}:bad",
    f" https://{HOST}",
    "https://api%2eexample.com",
    "https://[2001:db8::1]",
    f"https://.{HOST}",
    "https://api..example.com",
    "https://",
    "",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_git_itself_says_the_same(tmp_path: Path, address: str) -> None:
    path = git_file(tmp_path / "x", address)
    if not address:
        path.write_text(path.read_text().replace('[http ""]', "[http]"))
    file = read(path)
    for host in HOSTS:
        url = f"https://{f'[{host}]' if ':' in host else host}/"
        done = subprocess.run(
            ["git", "config", "-f", str(path), "--get-urlmatch", "http.pinnedPubkey", url],
            capture_output=True,
            text=True,
            check=False,
        )
        assert is_pinned(file, host) == bool(done.stdout.strip()), (address, host)


@pytest.mark.parametrize("address", [f"https://{HOST}:8443/", f"https://{HOST}/part/", f"https://me@{HOST}/"])
def test_a_part_of_a_host_is_told_as_one(tmp_path: Path, address: str) -> None:
    assert rules_found(read(git_file(tmp_path / "x", address)))["hole"] is Severity.INFO


def test_a_star_elsewhere_is_told_as_unread(tmp_path: Path) -> None:
    file = read(git_file(tmp_path / "x", "https://api.*.com/"))
    assert file.partial
    assert not is_pinned(file, HOST)


# --- by their sources -------------------------------------------------------------------------------------------

APPLE = {
    HOST: {HOST, f"a.{HOST}"},
    "API.Example.COM": {HOST, f"a.{HOST}"},
    f"{HOST}.": set(),
    f".{HOST}": set(),
    "example.com": {HOST, "example.com"},
    "example.com.": set(),
    f"{HOST} ": set(),
    "*.example.com": set(),
    "münchen.example": set(),
    "xn--MNCHEN-3ya.example": {"xn--mnchen-3ya.example"},
    "": set(),
}
"""parseNSPinnedDomains: the dot is taken off the host alone, case does not count, one label below."""
TRUSTKIT = {
    HOST: {HOST, f"a.{HOST}"},
    "API.Example.COM": set(),
    f"{HOST}.": {f"{HOST}."},
    "example.com.": {f"{HOST}."},
    ".example.com": {HOST, f"a.{HOST}", "a.b.example.com"},
    "example.com": {HOST, f"a.{HOST}", "a.b.example.com", "example.com"},
}
"""getPinningConfigurationKeyForDomain: letter by letter, the host with the dot that its address has."""


@pytest.mark.parametrize("name", APPLE)
def test_apple(tmp_path: Path, name: str) -> None:
    file = read(ats_file(tmp_path / "x", name))
    assert {canonical(host) for host in HOSTS if is_pinned(file, host)} == APPLE[name]
    if not APPLE[name]:
        assert rules_found(file)["domain-form"] is Severity.ERROR


@pytest.mark.parametrize(
    ("make", "name"),
    [(trustkit_file, name) for name in TRUSTKIT] + [(react_file, name) for name in TRUSTKIT if name[0] != "."],
)
def test_trustkit(tmp_path: Path, make: Maker, name: str) -> None:
    file = read(make(tmp_path / "x", name))
    assert {to_ascii(host) for host in HOSTS if is_pinned(file, host)} == TRUSTKIT[name]
    if not is_plain(name):
        assert rules_found(file)["domain-form"] is Severity.ERROR


@pytest.mark.parametrize("name", ["münchen.example.com", "api.internal", f"{HOST} ", ""])
def test_trustkit_throws(tmp_path: Path, name: str) -> None:
    """GetRegistryLength is 0: not in ASCII, or no public suffix."""
    file = read(trustkit_file(tmp_path / "x", name))
    assert file.crash
    assert not any(is_pinned(file, host) for host in HOSTS)


@pytest.mark.parametrize("name", [f"{HOST}.", "API.example.COM.", HOST])
def test_a_record_has_an_absolute_name(tmp_path: Path, name: str) -> None:
    file = read(dane_file(tmp_path / "x", name))
    assert {canonical(host) for host in HOSTS if is_pinned(file, host)} == {HOST}
    assert "domain-form" not in rules_found(file)


def test_a_record_of_other_letters_is_nobodys(tmp_path: Path) -> None:
    file = read(dane_file(tmp_path / "x", "münchen.example."))
    assert not is_pinned(file, "münchen.example")
    assert rules_found(file)["domain-form"] is Severity.ERROR


COMMANDS = {
    f"https://{HOST}/x": {HOST},
    f"https://{HOST}./x": {HOST},
    "https://API.Example.com:8443": {HOST},
    "https://[2001:db8::1]/": {"2001:db8::1"},
    f"https://{HOST} https://example.com": {HOST, "example.com"},
    "https://münchen.example/": {"xn--mnchen-3ya.example"},
    "https://{a,b}.example.com/": set(),
}


@pytest.mark.parametrize("addresses", COMMANDS)
def test_a_command_pins_the_hosts_that_it_names(tmp_path: Path, addresses: str) -> None:
    file = read(curl_file(tmp_path / "x", addresses))
    assert {canonical(host) for host in HOSTS if is_pinned(file, host)} == COMMANDS[addresses]
    assert file.partial == ("{" in addresses)


@pytest.mark.parametrize("address", ["", '"https://$HOST/"', '"https://${HOST}.example.com/"'])
def test_a_command_pins_whatever_it_is_sent_to(tmp_path: Path, address: str) -> None:
    assert is_pinned(read(curl_file(tmp_path / "x", address)), "other.example.net")


# --- names by themselves ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", written(500))
def test_what_is_meant_is_a_host_or_nothing(name: str) -> None:
    assert meant(name) == "" or is_plain(meant(name))
    assert to_ascii(to_ascii(name)) == to_ascii(name)
