"""`pindrill.toml`: what is refused in it, and what `pindrill init` writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import Pindrill
from support.gates import BACKUP, CURRENT, NSC, gate, last, write_gate, write_pins

# --- bad input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing to check; name pin files under [pins], or a client under [[client]]"),
        ("[pins", "pindrill.toml:1: cannot read the configuration: not TOML: "),
        ("pins = 3", "pindrill.toml:1: pins is 3; write it as a table, [pins]"),
        ("[pin]\nfiles = ['a']", "pindrill.toml:1: unknown key 'pin'; known are: pins, preflight"),
        ("[pins]\nfiles = 'a'", "pindrill.toml:2: files is 'a'; write a list of texts"),
        ("[pins]\nfiles = []", "pindrill.toml:2: [pins] names no files; list the pin files"),
        ("[pins]\nfiles = ['a']\nfail_on = 'info'", "pindrill.toml:3: fail_on is 'info'; it is one of"),
        ("[pins]\nfiles = ['none.xml']", "none.xml"),
        ("[[client]]\nname = 'a'", "pindrill.toml:1: a client has either `file`, or `name` and `command`"),
        ("[[client]]\nfile = 'a'\nname = 'b'", "a client has either `file`, or `name` and `command`"),
        ("[[client]]\nname = 'a'\ncommand = ['no-such-program']", "'no-such-program' is not on PATH"),
        ("[[client]]\nname = 'a'\ncommand = ['sh', '{ca_fil}']", "{ca_fil}"),
        ("[[client]]\nfile = 'none.toml'", "none.toml: cannot read the client file"),
        ("[[client]]\nname='a'\ncommand=['sh']\n" * 2, "two clients are called 'a'"),
        ("[[client]]\nname='a'\ncommand=['sh']\n[drill]\nonly=['IN99']", "no scenario is called 'IN99'"),
        (
            "[[client]]\nname='a'\ncommand=['sh']\n[drill]\ntls=['1.1']",
            ":5: --tls is 1.2 or 1.3, not '1.1'",
        ),
        (
            "[[client]]\nname='a'\ncommand=['sh']\n[[expected]]\nreason='r'",
            ":4: [[expected]]: an entry has `reason`",
        ),
        (
            "[[client]]\nname='a'\ncommand=['sh']\n[[expected]]\nreason='r'\nscenarios=['IN5']\nverdict='bad'",
            "pindrill.toml:7: verdict is 'bad'; it is one of \"fail-open\"",
        ),
        (
            "[[client]]\nname='a'\ncommand=['sh']\n[[expected]]\nreason='r'\nscenarios=['IN5']\nverdict='leaked'\nclient='b'",
            "[[expected]] names the client 'b'; there are: a",
        ),
        ("[[client]]\nname='a'\ncommand=['sh']\n[drill]\ndeadline=0", ":5: deadline is 0; write a number above 0, up"),
        ("[[client]]\nname='a'\ncommand=['sh']\n[preflight]\ntrust='a'", ":5: [preflight] trust is for chains"),
        ("[pins]\nfiles=['a']\n[preflight]\nchains=[]", ":4: [preflight] names nothing"),
        ("[[client]]\nname='a'\ncommand=['sh']\n[preflight]\nchains=['a']", "[preflight] chains are for pin files"),
    ],
)
def test_a_bad_file_is_a_usage_error(pindrill: Pindrill, text: str, message: str) -> None:
    (pindrill.directory / "pindrill.toml").write_text(text)
    ran = pindrill.call("gate")
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


def test_a_file_that_is_missing_or_too_large(pindrill: Pindrill) -> None:
    ran = pindrill.call("gate")
    assert ran.code == 2
    assert "pindrill.toml: there is no such file; `pindrill init` writes one" in ran.err
    (pindrill.directory / "pindrill.toml").write_text("#" * (2 << 20))
    ran = pindrill.call("gate")
    assert ran.code == 2
    assert "larger than 1 MiB, which no configuration is" in ran.err


def test_a_file_elsewhere_has_paths_of_its_own(pindrill: Pindrill, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    pindrill.directory, home = elsewhere, pindrill.directory
    write_pins(pindrill, CURRENT, BACKUP)
    (elsewhere / "app.sh").write_text('#!/bin/sh\nexec curl -sS --cacert "$1" --pinnedpubkey "$2" "$3"\n')
    (elsewhere / "app.sh").chmod(0o755)
    write_gate(pindrill, client=("./app.sh", "{ca_file}", "{pins_curl}", "{url}"))
    pindrill.directory = home
    ran = gate(pindrill, "--config", str(elsewhere / "pindrill.toml"))
    assert ran.code == 0, ran.out + ran.err


# --- init ------------------------------------------------------------------------------------------------------


def test_a_newcomer_gets_a_green_gate_by_two_commands(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT, BACKUP)
    ran = pindrill.call("init", "--", "curl", "-sS", "--cacert", "{ca_file}", "--pinnedpubkey", "{pins_curl}", "{url}")
    assert ran.code == 0
    assert ran.out.splitlines() == ["wrote pindrill.toml", f"pin files found: {NSC}", "next: pindrill gate"]
    assert (ran := gate(pindrill)).code == 0, ran.out
    write_pins(pindrill, CURRENT)
    ran = gate(pindrill)
    assert (ran.code, last(ran)) == (1, f"gate: red: {NSC}:4: one pin for example.com, and no backup [no-backup]")


def test_init_alone_names_the_pin_files(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT, BACKUP)
    (pindrill.directory / "Other.kt").write_text("val a = CertificatePinner // none here")
    assert pindrill.call("init").code == 0
    ran = pindrill.call("gate")
    assert (ran.code, last(ran)) == (0, "gate: green: 1 pin file in order; no client is drilled")


def test_init_in_an_empty_directory_says_what_to_do(pindrill: Pindrill) -> None:
    ran = pindrill.call("init")
    assert ran.code == 0
    assert "name yours under [pins] files" in ran.out
    ran = pindrill.call("gate")
    assert ran.code == 2
    assert "nothing to check" in ran.err


def test_init_overwrites_nothing(pindrill: Pindrill) -> None:
    (pindrill.directory / "Jenkinsfile").write_text("mine")
    ran = pindrill.call("init", "--ci", "jenkins")
    assert ran.code == 2
    assert "Jenkinsfile: exists already; nothing was written" in ran.err
    assert sorted(path.name for path in pindrill.directory.iterdir()) == ["Jenkinsfile", "tmp"]


def test_odd_names_and_words_are_quoted(pindrill: Pindrill) -> None:
    path = write_pins(pindrill, CURRENT, BACKUP)
    path.rename(path.with_name('network "security" \\ é.xml'))
    assert pindrill.call("init", "--", "sh", "-c", 'echo "a\tb\\n"', "{url}").code == 0
    ran = pindrill.call("gate", "--config", "pindrill.toml", "--baseline", "none")
    assert ran.code == 2
    assert "none: there is no such file" in ran.err  # so pindrill.toml itself was read


@pytest.mark.parametrize(
    ("ci", "path", "schema"),
    [
        ("github", ".github/workflows/pindrill.yml", "vendor.github-workflows"),
        ("gitlab", ".gitlab-ci.yml", "vendor.gitlab-ci"),
        ("jenkins", "Jenkinsfile", None),
    ],
)
def test_the_ci_file_runs_the_gate_and_is_valid(pindrill: Pindrill, ci: str, path: str, schema: str | None) -> None:
    assert pindrill.call("init", "--ci", ci).code == 0
    text = (pindrill.directory / path).read_text()
    assert "pindrill gate" in text
    assert "--junit pindrill.xml" in text
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in text
    if schema:
        checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(pindrill.directory / path)]
        done = subprocess.run(checker, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
