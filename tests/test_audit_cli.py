"""`pindrill audit`: what it is asked, what it keeps, and what it says when it cannot go on."""

from __future__ import annotations

import json
import socket
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dnslib
import dnslib.server
import jsonschema
import pytest
import typer
from pindrill.audits.asked import read_address, read_hosts_file, read_names
from pindrill.audits.dns import DnsAnswerer
from pindrill.cli import application
from pindrill.model import UsageError
from pindrill.model.told_command import NOTE
from support.cli import PATIENCE_S, PROGRAM, Pindrill
from support.lab import Lab, audit, laboratory

SCHEMA = json.loads((Path(__file__).parents[1] / "reports" / "schemas" / "audit.schema.json").read_text())


VALUE = "Zk9Qx7-hunter2-aGVsbG8gd"
PROXIED = "HTTPS_PROXY=http://{proxy} HTTP_PROXY=http://{proxy}"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path / "lab", ("unpinned", "careless")) as made:
        yield made


def visits(lab: Lab, *habits: str) -> list[str]:
    """An app: curl, which trusts the genuine roots alone, or nobody at all where it is careless."""
    commands = []
    for habit in habits:
        option = "-k" if habit == "careless" else f"--cacert {lab.directory}/genuine.pem"
        commands.append(f"curl -sS -o /dev/null {option} https://{habit}.lab.test:{lab.port}/{habit}")
    return ["sh", "-c", "; ".join(commands)]


def command_line(pindrill: Pindrill, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *words],
        capture_output=True, text=True, env=pindrill.environment, cwd=pindrill.directory,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def test_lines_are_as_the_schema_says_and_can_be_reported_and_compared(pindrill: Pindrill, lab: Lab) -> None:
    audited = audit(
        pindrill, "--proxy", *lab.options, "--app", "shop", "--store", "store.sqlite", "--", *visits(lab, "careless")
    )
    assert audited.code == 1, audited.err
    line = audited.lines[lab.destination("careless")]
    jsonschema.validate(line, SCHEMA)
    assert (line["app"], line["mode"], line["verdict"]) == ("shop", "proxy", "no-validation")
    with sqlite3.connect(pindrill.directory / "store.sqlite") as base:
        assert base.execute("SELECT count(*) > 3 FROM contact").fetchone() == (1,)
        assert base.execute("SELECT app, verdict FROM audit JOIN verdict ON audit = number").fetchall() == [
            ("shop", "no-validation")
        ]
    base.close()
    assert "no-validation" in command_line(pindrill, "audit", "report", "audit.jsonl").stdout
    done = command_line(pindrill, "audit", "report", "audit.jsonl", "--html", "audit.html")
    assert done.returncode == 0, done.stderr
    assert "careless.lab.test" in (pindrill.directory / "audit.html").read_text()
    same = command_line(pindrill, "audit", "compare", "audit.jsonl", "audit.jsonl")
    assert (same.returncode, "still no-validation" in same.stdout) == (0, True)
    better = {**line, "verdict": "pinned"}
    (pindrill.directory / "before.jsonl").write_text(json.dumps(better) + "\n")
    assert command_line(pindrill, "audit", "compare", "before.jsonl", "audit.jsonl").returncode == 1


def test_many_apps_and_going_on_with_them(pindrill: Pindrill, lab: Lab) -> None:
    apps = pindrill.directory / "apps.txt"
    *shell, script = visits(lab, "careless")
    apps.write_text(f"# nightly\none {' '.join(shell)} '{script}'\ntwo {' '.join(shell)} '{script}'\n")
    first = audit(pindrill, "--proxy", *lab.options, "--apps", str(apps))
    assert first.code == 1, first.err
    lines = (pindrill.directory / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["app"] for line in lines] == ["one", "two"]
    (pindrill.directory / "audit.jsonl").write_text(lines[0] + "\n" + lines[1][:40])
    again = command_line(
        pindrill, "audit", "--resume", "--json", "audit.jsonl", "--proxy", *lab.options, "--apps", str(apps)
    )
    assert again.returncode == 1, again.stderr
    lines = (pindrill.directory / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["app"] for line in lines] == ["one", "two"]
    assert "one" not in again.stdout.splitlines()[0]


def test_what_was_readable_is_kept_only_when_asked_for(pindrill: Pindrill, lab: Lab) -> None:
    audit(pindrill, "--proxy", *lab.options, "--keep-plaintext", "kept", "--", *visits(lab, "careless"))
    kept = pindrill.directory / "kept"
    assert any(b"GET /careless HTTP/1.1" in file.read_bytes() for file in kept.iterdir())
    assert {stat.S_IMODE(each.stat().st_mode) for each in kept.iterdir()} == {0o600}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700


@pytest.mark.parametrize("option", ["--keep-plaintext", "--keep-output"])
def test_it_is_not_kept_where_others_look(pindrill: Pindrill, option: str) -> None:
    open_to_all = pindrill.directory / "kept"
    open_to_all.mkdir(mode=0o755)
    open_to_all.chmod(0o755)
    audited = audit(pindrill, "--proxy", option, "kept", "--", "true")
    assert audited.code == 2
    assert "kept: others may look into it (mode 0755" in audited.err
    assert not list(open_to_all.iterdir())


def test_no_value_of_a_request_or_of_the_command_is_kept(pindrill: Pindrill, lab: Lab) -> None:
    place = f"https://careless.lab.test:{lab.port}/login/{VALUE}/v1?next={VALUE}"
    spoken = f"curl -sSk -o /dev/null -H 'Authorization: Bearer {VALUE}' -u me:{VALUE} -b sid={VALUE} '{place}'"
    plain = f"{PROXIED} curl -sS -o /dev/null http://careless.lab.test:{lab.plain_port}/reset/{VALUE}"
    files = ("--store", "store.sqlite", "--setup", f"TOKEN={VALUE}; true")
    audited = audit(pindrill, "--proxy", *lab.options, *files, "--trigger", f"{PROXIED} {spoken}; {plain}; true")
    line = audited.lines[lab.destination("careless")]
    assert line["verdict"] == "no-validation", audited.out
    assert "GET /login/<24 chars>/v1?<redacted> HTTP/1.1" in line["reason"]
    assert "-u me:<left out>" in line["repeat"]
    assert line["repeat"].endswith(NOTE)
    page = command_line(pindrill, "audit", "report", "audit.jsonl", "--html", "page.html")
    assert page.returncode == 0, page.stderr
    told = [audited.out, audited.err, page.stdout, page.stderr]
    told += [each.read_bytes().decode("latin-1") for each in pindrill.directory.rglob("*") if each.is_file()]
    assert len(told) > 6
    assert not [each for each in told if VALUE in each]


def test_an_app_that_contacts_nobody(pindrill: Pindrill) -> None:
    audited = audit(pindrill, "--direct", "--host", "shop.test", "--port", "8443", "--", "true")
    assert (audited.code, audited.verdict("shop.test:8443")) == (3, "not-contacted")


def test_an_app_that_contacts_nobody_anywhere_is_not_judged(pindrill: Pindrill) -> None:
    audited = audit(pindrill, "--proxy", "--", "true")
    assert (audited.code, audited.lines) == (3, {})


def test_an_upstream_that_is_not_there_accuses_nobody(pindrill: Pindrill, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 shop.test\n")
    audited = audit(
        pindrill, "--proxy", "--upstream-hosts", str(hosts), "--allow-private-upstreams", "--most-starts", "4",
        "--", "curl", "-sS", "https://shop.test:1/",
    )  # fmt: skip
    assert audited.code == 3, audited.out
    assert {line["verdict"] for line in audited.lines.values()} <= {"inconclusive"}


def test_private_upstreams_need_to_be_allowed(pindrill: Pindrill, lab: Lab) -> None:
    options = [each for each in lab.options if each != "--allow-private-upstreams"]
    audited = audit(pindrill, "--proxy", *options, "--most-starts", "4", "--", *visits(lab, "careless"))
    assert audited.code == 3
    assert "no-validation" not in audited.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--", "true"], "say how the app comes here: --proxy, --socks"),
        (["--direct", "--", "true"], "--direct needs the names that the app is to find here: --host NAME"),
        (["--direct", "--host", "a b", "--", "true"], "--host takes host names such as api.example.com, not 'a b'"),
        (["--direct", "--host", "@missing", "--", "true"], "--host @FILE: missing cannot be read: No such file"),
        (["--reverse", "shop.test", "--", "true"], "--reverse takes the HOST:PORT of the real server"),
        (["--proxy", "--port", "1", "--", "true"], "--port belongs to --direct"),
        (["--proxy", "--upstream-trust", "missing", "--", "true"], "missing: no such file; give the real servers'"),
        (["--proxy", "--upstream-hosts", "missing", "--", "true"], "missing cannot be read"),
        (["--proxy", "--resume", "--", "true"], "--resume needs the file to go on with"),
        (["--proxy", "--apps", "missing"], "--apps: missing cannot be read"),
        (["--proxy", "--setup", "true"], "the hooks need --trigger"),
        (["--proxy", "--trigger", "true", "--", "true"], "give either a command behind `--` or hooks, not both"),
        (["--proxy", "--", "./missing"], "client not found: ./missing"),
        (["--proxy", "--", "true", "{prox}"], "unknown placeholder {prox}"),
        (["--proxy", "--deadline", "0", "--", "true"], "--deadline and --wait are numbers above 0"),
        (["--proxy", "--keyring", "missing", "--", "true"], "missing: no keyring here"),
        (["--proxy", "--client", "10.0.0.0/99", "--", "true"], "neither an address nor a network: '10.0.0.0/99'"),
        (["--proxy", "--dns", "--", "true"], "--dns needs the names"),
        (["--proxy", "--ios-simulator", "app"], "--ios-simulator needs --mac"),
        (["--proxy", "--android", "app", "--android-store", "x"], "--android-store is user or system, not 'x'"),
        (["--proxy", "--json", "/dev/null/x", "--", "true"], "/dev/null/x: cannot"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_says_what_and_how(pindrill: Pindrill, words: list[str], message: str) -> None:
    done = command_line(pindrill, "audit", *words)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert message in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["--proxy", "--", "app"], {"proxy": "", "command": ("app",)}),
        (["--proxy", "127.0.0.1:80", "--", "a"], {"proxy": "127.0.0.1:80", "command": ("a",)}),
        (["--proxy=8080"], {"proxy": "8080"}),
        (["--socks", "--json", "x"], {"socks": "", "json_file": "x"}),
        (["--dns", "[::1]:53"], {"dns": "[::1]:53"}),
        (["--transparent"], {"transparent": ""}),
        (["--proxy", "--", "app", "--proxy"], {"proxy": "", "command": ("app", "--proxy")}),
        (["--reverse", "a.test:443", "--direct"], {"reverse": "a.test:443", "direct": True}),
    ],
    ids=str,
)
def test_an_address_may_be_left_out(words: list[str], made: dict[str, Any]) -> None:
    group: Any = typer.main.get_command(application(["audit"]))
    context = group.commands["audit"].make_context("audit", list(words))
    assert {name: context.params[name] for name in made} == made
    others = {name for name, value in context.params.items() if value == "" and name not in made}
    assert others == {"serial", "mac", "setup", "trigger", "reset", "logs", "teardown"}


@pytest.mark.parametrize("words", [["audit", "report", "x"], ["audit-report", "x"]], ids=str)
def test_a_command_may_have_two_words(words: list[str]) -> None:
    group: Any = typer.main.get_command(application(words))
    context = group.make_context("pindrill", list(words))
    name, _, rest = group.resolve_command(context, list(words))
    assert (name, rest) == ("audit-report", ["x"])


@pytest.mark.parametrize("option", ["--reverse", "--app"])
def test_another_option_needs_its_value(pindrill: Pindrill, option: str) -> None:
    assert f"Option '{option}' requires an argument" in command_line(pindrill, "audit", option).stderr


def test_addresses_names_and_hosts_files(tmp_path: Path) -> None:
    assert read_address("", "--proxy") == ("127.0.0.1", 0)
    assert read_address("8080", "--proxy") == ("127.0.0.1", 8080)
    assert read_address("[::1]:8080", "--proxy") == ("::1", 8080)
    with pytest.raises(UsageError, match="'70000' is no port"):
        read_address("127.0.0.1:70000", "--proxy")
    names = tmp_path / "names"
    names.write_text("Shop.Test  # the shop\nshop.test.\napi.test\n")
    assert read_names([f"@{names}"]) == ("shop.test", "api.test")
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.5 a.test B.test.\n\n::1 c.test # six\n")
    assert read_hosts_file(hosts) == {"a.test": "127.0.0.5", "b.test": "127.0.0.5", "c.test": "::1"}
    hosts.write_text("shop.test 127.0.0.5\n")
    with pytest.raises(UsageError, match="hosts:1: a line is an IP address and its names"):
        read_hosts_file(hosts)


def test_dns_answers_for_chosen_names_and_passes_the_rest_on() -> None:
    known = DnsAnswerer("127.0.0.1", 0, names=["real.test"], target="127.0.0.8", resolver=("127.0.0.1", 1))
    ours = DnsAnswerer("127.0.0.1", 0, names=["shop.test"], target="127.0.0.9", resolver=("127.0.0.1", known.port))
    try:
        for tcp in (False, True):

            def ask(name: str, kind: str = "A", over_tcp: bool = tcp) -> dnslib.DNSRecord:
                question = dnslib.DNSRecord.question(name, kind)
                return dnslib.DNSRecord.parse(question.send("127.0.0.1", ours.port, tcp=over_tcp, timeout=10))

            assert ask("SHOP.test.").short() == "127.0.0.9"
            assert ask("shop.test", "AAAA").rr == ask("shop.test", "HTTPS").rr == []
            assert ask("real.test").short() == "127.0.0.8"
            assert ask("nobody.test").header.rcode == dnslib.RCODE.SERVFAIL
    finally:
        ours.close()
        known.close()


def test_dns_takes_another_port_where_the_chosen_one_is_taken_for_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[socket.socket] = []
    opened = DnsAnswerer._server

    def open_server(self: DnsAnswerer, address: str, port: int, *, tcp: bool) -> dnslib.server.DNSServer:
        if tcp and len(taken) < 3:
            taken.append(socket.create_server((address, port)))
        return opened(self, address, port, tcp=tcp)

    monkeypatch.setattr(DnsAnswerer, "_server", open_server)
    answerer = DnsAnswerer("127.0.0.1", 0, names=["shop.test"], target="127.0.0.9")
    answerer.close()
    ports = [each.getsockname()[1] for each in taken]
    assert len(ports) == 3
    assert answerer.port not in ports
    with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1 port {ports[0]}: Address already in use"):
        DnsAnswerer("127.0.0.1", ports[0], names=["shop.test"], target="127.0.0.9")
    for each in taken:
        each.close()


def test_dns_serves_nobody_else() -> None:
    answerer = DnsAnswerer("127.0.0.1", 0, names=["shop.test"], target="127.0.0.9", clients=["10.0.0.0/8"])
    try:
        with pytest.raises(dnslib.DNSError, match="is not served"):
            answerer.reply(dnslib.DNSRecord.question("shop.test").pack(), "127.0.0.1", tcp=False)
        with pytest.raises(dnslib.DNSError):
            answerer.reply(b"\xff" * 40, "10.0.0.1", tcp=False)
    finally:
        answerer.close()
