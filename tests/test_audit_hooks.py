"""Devices: what the ready-made hooks make of `adb`, `ssh` and `xcrun`, by fakes that write down what they were told.

No device and no Mac is here: these are the transcripts that the tools' documentation asks for, and no more.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pindrill.audits.app import AppHooks, Command, HookFailed, InterceptorPlace
from pindrill.audits.presets import HookTexts, android, ios_simulator, overridden
from support.cli import Pindrill
from support.lab import HABITS, Lab, audit, laboratory

APP = Path(__file__).parents[1] / "fixtures" / "apps" / "python" / "demo.py"
PLACE = InterceptorPlace(proxy="127.0.0.1:8080", scheme="http", ca_file="/tmp/ca file.pem")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path / "lab") as made:
        yield made


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fakes of adb and ssh that note their arguments and their input; what they run is nothing."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("adb", "ssh"):
        fake = folder / name
        fake.write_text(f'#!/bin/sh\nprintf "%s" {name} >>"{folder}/transcript"\n'
                        f'for word; do printf " [%s]" "$word" >>"{folder}/transcript"; done\n'
                        f'printf "\\n" >>"{folder}/transcript"\n[ -t 0 ] || cat >>"{folder}/input"\n')  # fmt: skip
        fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def transcript(tools: Path) -> list[str]:
    return (tools / "transcript").read_text().splitlines()


def played(texts: HookTexts, directory: Path, place: InterceptorPlace = PLACE) -> None:
    hooks = AppHooks(texts, deadline_s=10)
    hooks.start(place, directory)
    hooks.start(place, directory)
    hooks.finish(place)


def test_android_with_a_certificate_for_the_user_store(tools: Path, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("certificate")
    place = InterceptorPlace(proxy="127.0.0.1:8080", scheme="http", ca_file=str(ca_file))
    played(android("com.example.app", store="user", seconds=0.01, serial="emulator-5554"), tmp_path, place)
    device = "adb [-s] [emulator-5554]"
    once = [
        f"{device} [logcat] [-c]",
        f"{device} [shell] [monkey] [-p] [com.example.app] [-c] [android.intent.category.LAUNCHER] [1]",
        f"{device} [logcat] [-d] [-t] [1000]",
        f"{device} [shell] [am] [force-stop] [com.example.app]",
    ]
    assert transcript(tools) == [
        f"{device} [push] [{ca_file}] [/sdcard/Download/pindrill-test-ca.crt]",
        f"{device} [reverse] [tcp:8080] [tcp:8080]",
        f"{device} [shell] [settings] [put] [global] [http_proxy] [127.0.0.1:8080]",
        *once,
        *once,
        f"{device} [shell] [settings] [put] [global] [http_proxy] [:0]",
        f"{device} [reverse] [--remove] [tcp:8080]",
    ]


def test_android_with_a_certificate_in_the_system_store(tools: Path, tmp_path: Path) -> None:
    """The store's file name is the one that openssl computes; the script is shell that a shell can read."""
    ca_file = tmp_path / "ca.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
         "-keyout", "/dev/null", "-out", str(ca_file)], check=True, capture_output=True,
    )  # fmt: skip
    number = subprocess.run(
        ["openssl", "x509", "-noout", "-subject_hash_old", "-in", str(ca_file)],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    place = InterceptorPlace(proxy="127.0.0.1:8080", scheme="http", ca_file=str(ca_file))
    played(android("com.example.app", store="system", seconds=0.01), tmp_path, place)
    assert transcript(tools)[:4] == [
        "adb [root]",
        "adb [wait-for-device]",
        f"adb [push] [{ca_file}] [/data/local/tmp/pindrill-ca.pem]",
        f"adb [shell] [sh] [-s] [{number}]",
    ]
    script = (tools / "input").read_text()
    assert "/apex/com.android.conscrypt/cacerts" in script
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_the_simulator_of_a_mac(tools: Path, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("certificate")
    place = InterceptorPlace(proxy="127.0.0.1:8080", scheme="http", ca_file=str(ca_file))
    played(ios_simulator("com.example.app", mac="me@mac", service="USB LAN", seconds=0.01), tmp_path, place)
    lines = transcript(tools)
    assert lines[0] == (
        "ssh [me@mac] [cat > /tmp/pindrill-ca.pem && "
        "xcrun simctl keychain booted add-root-cert /tmp/pindrill-ca.pem]"
    )  # fmt: skip
    assert (tools / "input").read_text().startswith("certificate")
    assert lines[1] == "ssh [-f] [-N] [-o] [ExitOnForwardFailure=yes] [-R] [8080:127.0.0.1:8080] [me@mac]"
    assert lines[2] == "ssh [me@mac] [networksetup -setsecurewebproxy 'USB LAN' 127.0.0.1 8080]"
    assert "ssh [me@mac] [xcrun simctl launch --terminate-running-process booted com.example.app]" in lines
    assert lines[-1] == "ssh [me@mac] [networksetup -setwebproxystate 'USB LAN' off]"


@pytest.mark.parametrize("name", ["$(touch owned)", "a;b", "a'b"])
def test_names_are_words_and_no_shell(tools: Path, tmp_path: Path, name: str) -> None:
    played(overridden(android(name, store="user", seconds=0.01), HookTexts(setup="true")), tmp_path)
    assert f"adb [shell] [am] [force-stop] [{name}]" in transcript(tools)
    assert not (Path.cwd() / "owned").exists()


def test_a_hook_that_fails_says_which_and_why(tmp_path: Path) -> None:
    hooks = AppHooks(HookTexts(trigger="echo no device >&2; exit 7"), deadline_s=10)
    with pytest.raises(HookFailed, match="exit 7: no device"):
        hooks.start(PLACE, tmp_path)


def test_an_app_behind_hooks_is_audited(pindrill: Pindrill, lab: Lab, tmp_path: Path) -> None:
    trust = tmp_path / "trust.pem"
    app = f"HTTPS_PROXY=http://{{proxy}} HTTP_PROXY=http://{{proxy}} {shlex.join([sys.executable, str(APP)])}"
    audited = audit(
        pindrill, "--proxy", *lab.options, "--app", "hooked",
        "--setup", f"cat {{ca_file}} {lab.directory}/genuine.pem >{trust}",
        "--trigger", f"{app} {lab.list_file} {trust}", "--logs", "echo the log", "--keep-output", "words",
    )  # fmt: skip
    found = {habit: audited.verdict(lab.destination(habit)) for habit in HABITS}
    assert found["pinned"] == "pinned", audited.out + audited.err
    assert found["careless"] == "no-validation"
    assert (pindrill.directory / "words" / "start-1.txt").read_text() == "the log\n"


def test_a_device_that_is_not_there_is_an_error_of_the_run(pindrill: Pindrill, lab: Lab) -> None:
    audited = audit(pindrill, "--proxy", *lab.options, "--trigger", "exit 1")
    assert audited.code == 3
    assert "the hook `exit 1` failed with exit 1" in audited.err


def test_the_device_is_left_as_it_was(pindrill: Pindrill, lab: Lab) -> None:
    audited = audit(pindrill, "--proxy", *lab.options, "--trigger", "true", "--teardown", "echo down >>ends")
    assert (pindrill.directory / "ends").read_text() == "down\n", audited.err
    assert audited.code == 3


@pytest.mark.parametrize(
    ("script", "death"),
    [("exit 0", ""), ("exit 1", ""), ("exit 139", "died"), ("kill -SEGV $$", "died"), ("exit 127", "cannot-run")],
)
def test_how_an_app_died(tmp_path: Path, script: str, death: str) -> None:
    """Behind a shell as well: a dead app refuses nothing (T5)."""
    ending = Command(["sh", "-c", script], {}, 10).start(PLACE, tmp_path)
    assert ending.death.partition(":")[0] == death
