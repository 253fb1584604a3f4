"""The command driver: what a program is given, and what is made of its end."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pindrill.clients.command import CommandDriver
from pindrill.model import ClientReport, Said, UsageError
from support.cli import processes_that_name
from support.targets import CANARY, PINS, pins, target


@pytest.fixture(autouse=True)
def _no_process_is_left(home: Path) -> Iterator[None]:
    yield
    assert processes_that_name(str(home)) == []


def attempt(home: Path, script: str, *arguments: str, deadline_s: float = 120.0, **options: object) -> ClientReport:
    """Runs a shell script as the client; the arguments may hold placeholders."""
    driver = CommandDriver(["sh", "-c", script, "sh", *arguments], **options)  # type: ignore[arg-type]
    return driver.session(home).attempt(target(deadline_s=deadline_s), CANARY)


# --- what it is given ------------------------------------------------------------------------------------------


def test_placeholders(home: Path) -> None:
    texts = ["{url}", "{host}", "{port}", "{path}", "{address}", "{ca_file}", "{ca_p12}", "{pins}", "{pins_curl}"]
    report = attempt(home, 'printf "%s\\n" "$@"', *texts, "a{host}b{host}", "%{HOME}", "{ host }", "$HOME")
    one, two = PINS
    assert report.stdout.splitlines() == [
        "https://app.pin.test:41007/pd7s00",
        "app.pin.test",
        "41007",
        "/pd7s00",
        "127.0.0.1",
        "/nowhere/trust.pem",
        "/nowhere/trust.p12",
        f"{one},{two}",
        f"sha256//{one};sha256//{two}",
        "aapp.pin.testbapp.pin.test",
        "%{HOME}",
        "{ host }",
        "$HOME",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%{http_code} %{time_total}", "%{http_code} %{time_total}"),
        ("${HOST} ${PORT:-1}", "${HOST} ${PORT:-1}"),
        ("{} {1} {{nope}} {a,b} { url }", "{} {1} {nope} {a,b} { url }"),
        ('{"host":{"name":"{host}"}}', '{"host":{"name":"app.pin.test"}}'),
        ("[{port}] {{port}} %{{url}} {{{host}}}", "[41007] {port} %{url} {{host}}"),
        ("{{print}} {{x}} {{ x }} {{.Host}}", "{print} {x} {{ x }} {{.Host}}"),
    ],
)
def test_only_known_names_are_placeholders_and_a_second_pair_of_braces_escapes(
    home: Path, text: str, expected: str
) -> None:
    assert attempt(home, 'printf "%s" "$1"', text).stdout == expected
    assert attempt(home, 'printf "%s" "$GIVEN"', environment={"GIVEN": text}).stdout == expected


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{ur1}", "url"),
        ("--ca={cafile}", "ca_file"),
        ("{URL}", "url"),
        ("{pin}", "pins"),
        ("{pins-curl}", "pins_curl"),
        ("{hostname}:{port}", "host"),
        ('{"host":{hosst}}', "host"),
    ],
)
def test_a_misspelt_placeholder_is_said_before_anything_runs(text: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"is \{{{meant}\}} meant\? Known are: \{{address\}} .* write \{{\{{"):
        CommandDriver(["true", text])


def test_a_word_in_braces_that_is_like_no_placeholder_is_said_as_well() -> None:
    with pytest.raises(UsageError, match=r"unknown placeholder \{ca\} in the client command: .*write \{\{ca\}\}"):
        CommandDriver(["true", "--cacert", "{ca}"])


def test_an_escaped_placeholder_is_none() -> None:
    assert CommandDriver(["true", "{{pins}} {{target_file}} {{address}}"]).used == frozenset()


def test_pins_in_hex(home: Path) -> None:
    report = attempt(home, 'printf "%s" "$1"', "{pins_hex}")
    assert [len(text) for text in report.stdout.split(",")] == [64, 64]
    assert report.stdout.startswith("ec722969cb64200ab6638f68ac538e40abab5b19a6485661042a1061c4612776")


@pytest.mark.parametrize("text", ["*HIpactkIAq2Y49orFOOQKurWxmmSFZhBCoQYcRhJ3Y=", PINS[0] + "!junk"])
def test_what_cannot_be_written_in_hex_is_unsupported(home: Path, text: str) -> None:
    driver = CommandDriver(["true", "{pins_hex}"])
    assert driver.session(home).attempt(target(pins=pins(text))).said is Said.UNSUPPORTED


def test_no_pins_and_an_empty_set_leave_the_placeholder_empty(home: Path) -> None:
    session = CommandDriver(["sh", "-c", 'printf "<%s>" "$@"', "sh", "{pins}", "{pins_curl}"]).session(home)
    assert session.attempt(target(pins=None)).stdout == "<><>"
    assert session.attempt(target(pins=())).stdout == "<><>"


def test_the_target_as_a_file(home: Path) -> None:
    report = attempt(home, 'cat "$1"', "{target_file}")
    assert json.loads(report.stdout) == target(deadline_s=120.0).to_json()
    assert CANARY not in report.stdout


def test_a_command_is_not_run_on_what_it_cannot_be_told(home: Path) -> None:
    report = CommandDriver(["touch", f"{home}/ran", "{pins_curl}"]).session(home).attempt(target(requires=("expires",)))
    assert (report.said, report.detail) == (Said.UNSUPPORTED, "only {target_file} can tell it of: expires")
    assert not (home / "ran").exists()
    told = CommandDriver(["cat", "{target_file}"]).session(home).attempt(target(requires=("expires",)))
    assert json.loads(told.stdout)["requires"] == ["expires"]


def test_the_environment_is_scrubbed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "https_proxy", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "PYTHONPATH", "DISPLAY"):
        monkeypatch.setenv(name, "/of/the/machine")
    report = attempt(home, "env")
    given = dict(line.partition("=")[::2] for line in report.stdout.splitlines())
    assert given["HOME"] == str(home)
    assert Path(given["TMPDIR"]).is_relative_to(home)
    assert given["PATH"] == os.environ["PATH"]
    allowed = {
        "HOME",
        "TMPDIR",
        "PATH",
        "LANG",
        "LC_ALL",
        "TZ",
        "TERM",
        "JAVA_HOME",
        "GIT_TERMINAL_PROMPT",
        "PINDRILL_ATTEMPT",
    }
    assert set(given) <= allowed | {"PWD", "SHLVL", "_", "OLDPWD"}


def test_an_environment_may_be_given_with_placeholders(home: Path) -> None:
    report = attempt(home, "env", environment={"WHERE": "to {host}", "https_proxy": "x"})
    assert "WHERE=to app.pin.test" in report.stdout.splitlines()
    assert "https_proxy=x" in report.stdout.splitlines()


def test_standard_input_is_empty(home: Path) -> None:
    report = attempt(home, "readlink /proc/self/fd/0; cat")
    assert report.stdout.strip() == "/dev/null"


def test_the_home_is_kept_across_the_stages_of_a_cell(home: Path) -> None:
    session = CommandDriver(["sh", "-c", "cat ~/seen 2>/dev/null; echo stage >> ~/seen"]).session(home)
    assert [session.attempt(target()).stdout for _ in range(3)] == ["", "stage\n", "stage\nstage\n"]


def test_it_runs_where_pindrill_was_started(home: Path) -> None:
    assert attempt(home, "pwd -P").stdout.strip() == str(Path.cwd())


def test_a_driver_knows_whether_pins_can_be_told() -> None:
    assert CommandDriver(["true", "{pins_curl}"]).expresses_pins
    assert CommandDriver(["true"], environment={"FILE": "{target_file}"}).expresses_pins
    assert not CommandDriver(["true", "{url}", "{ca_file}"]).expresses_pins


def test_what_cannot_be_run_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    for template, words in {
        (): "no client command",
        ("no-such-program",): "'no-such-program' is not on PATH",
        (str(tmp_path / "missing"),): "no such file",
        (str(tmp_path / "text"),): "chmod +x",
        (str(tmp_path),): "not executable",
        ("true", "{pin}"): "unknown placeholder {pin}",
    }.items():
        with pytest.raises(UsageError) as caught:
            CommandDriver(template)
        assert words in str(caught.value)
    with pytest.raises(UsageError, match=r"unknown placeholder \{hots\}"):
        CommandDriver(["true"], environment={"A": "{hots}"})


def test_attempts_at_the_same_time_do_not_mix(home: Path) -> None:
    def one(number: int) -> str:
        own = home / str(number)
        own.mkdir()
        report = CommandDriver(["sh", "-c", f"echo {number}; exit 0"]).session(own).attempt(target())
        assert report.said is Said.ACCEPTED
        return report.stdout.strip()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == [str(number) for number in range(40)]


# --- what is kept of it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 200_000, 262_140, 1_000_000])
def test_the_canary_is_searched_in_all_output(home: Path, before: int) -> None:
    """Also where only the beginning is kept; a write of its own may cut it in two."""
    head, tail = CANARY[:7], CANARY[7:]
    report = attempt(
        home, f"head -c {before} /dev/zero; printf {head}; sleep 0.1; printf {tail}; head -c 2000000 /dev/zero"
    )
    assert (report.said, report.canary_out) == (Said.ACCEPTED, True)
    assert len(report.stdout) <= 2000


def test_the_canary_on_standard_error_did_not_come_out(home: Path) -> None:
    assert not attempt(home, f"printf {CANARY} >&2").canary_out


def test_output_that_is_no_text_is_kept_as_well_as_it_can(home: Path) -> None:
    report = attempt(home, r"printf 'a\377b' ; printf 'c\377\n' >&2; exit 3")
    assert report.stdout == "a\ufffdb"
    assert report.detail == "exit 3: c\ufffd"


def test_ending_all_ends_what_is_running(home: Path) -> None:
    fifo = home / "started"
    os.mkfifo(fifo)
    driver = CommandDriver(["sh", "-c", f"echo x > {fifo}; exec sleep 1000"])
    reports: list[ClientReport] = []
    thread = threading.Thread(target=lambda: reports.append(driver.session(home).attempt(target(deadline_s=900))))
    thread.start()
    assert fifo.read_text() == "x\n"
    while thread.is_alive():
        driver.close()  # more than once: it may come before the attempt is known to be running
        thread.join(0.1)
    assert [report.said for report in reports] == [Said.TIMEOUT]
    assert reports[0].ending_at > 0
