"""The station in a real browser, which is the tester's and, through the proxy, the phone as well."""

from __future__ import annotations

import json
import plistlib
import queue
import re
import shutil
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography import x509
from playwright.sync_api import Browser, Page, expect, sync_playwright
from support.cli import PATIENCE_S, PROGRAM, Pindrill
from support.lab import Lab, laboratory

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium-headless-shell")
PHONE = {"width": 390, "height": 800}


@dataclass(frozen=True)
class Running:
    url: str
    proxy: str
    process: subprocess.Popen[str]
    json: Path
    said: list[str]
    reader: threading.Thread

    def end(self) -> tuple[int, str]:
        """As Ctrl-C does: its exit code and all that it said."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        return code, "".join(self.said)


@contextmanager
def station(pindrill: Pindrill, *options: str) -> Iterator[Running]:
    file = pindrill.directory / "station.jsonl"
    process = subprocess.Popen(
        ["env", "--default-signal=INT", str(PROGRAM), "station", "--json", str(file), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=pindrill.environment,
        cwd=pindrill.directory,
    )
    lines: queue.Queue[str] = queue.Queue()
    said: list[str] = []
    assert process.stdout

    def read() -> None:
        for line in process.stdout or ():
            said.append(line)
            lines.put(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    found: dict[str, str] = {}
    try:
        while len(found) < 2:
            name, _, value = lines.get(timeout=PATIENCE_S).strip().partition(": ")
            if name in ("station", "proxy"):
                found[name] = value
        yield Running(found["station"], found["proxy"], process, file, said, reader)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE_S)
        reader.join(PATIENCE_S)
        process.stdout.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path / "lab", ("unpinned", "careless")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def visit(home: Path, running: Running, lab: Lab, ca_pem: str) -> None:
    """The phone: a page in a browser of its own, which trusts what its store holds, and knows the proxy."""
    home.mkdir(exist_ok=True)
    trust = home / "trust.pem"
    trust.write_text((lab.directory / "genuine.pem").read_text() + ca_pem)
    run = Path(__file__).parents[1] / "fixtures" / "apps" / "chromium" / "run"
    shutil.rmtree(home / ".pki", ignore_errors=True)
    subprocess.run(
        [str(run), str(lab.list_file), str(trust), running.proxy],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )


def fetch(url: str, data: bytes | None = None) -> tuple[int, bytes, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=PATIENCE_S) as answer:
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["Content-Type"] or ""


def opened(browser: Browser, url: str, complaints: list[str]) -> Page:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    return page


def test_a_phone_is_set_up_used_and_judged(pindrill: Pindrill, lab: Lab, browser: Browser, tmp_path: Path) -> None:
    complaints: list[str] = []
    destination = lab.destination("unpinned")
    with station(pindrill, *lab.options) as running:
        page = opened(browser, running.url, complaints)
        expect(page.locator("#live")).to_contain_text("Nobody came yet")
        assert f"{page.inner_text('#proxy-host')}:{page.inner_text('#proxy-port')}" == running.proxy
        page.click("text=Put the test CA on it")
        expect(page.locator("text=pindrill-ca.pem")).to_have_count(0)
        page.click("text=I have understood")
        with page.expect_download() as download:
            page.click("text=pindrill-ca.pem")
        ca_pem = Path(download.value.path()).read_text()
        page.click("text=Back to the station")
        for number in range(12):
            visit(tmp_path / f"phone-{number}", running, lab, ca_pem)
            if number == 3:
                row = page.locator(f"details[id='row-{destination}']")
                expect(row.locator("summary")).to_contain_text("intercepted")
                row.locator("summary").click()
                expect(row).to_contain_text("a certificate of the test CA for the right name")
                row.locator("text=Next condition").click()
                expect(row).to_have_attribute("open", "")
        assert Axe().run(page).violations_count == 0
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.close()
        code, said = running.end()
        assert (code, "Traceback" in said) == (1, False), said
    lines = {line["destination"]: line for line in map(json.loads, running.json.read_text().splitlines())}
    assert lines[destination]["verdict"] == "intercepted"
    assert complaints == []


def test_ctrl_c_ends_the_page_and_then_the_rest(pindrill: Pindrill) -> None:
    """Joining the page's thread is no way to wait for Ctrl-C: the thread counts as ended then, and lives on."""
    for _ in range(3):
        with station(pindrill) as running:
            code, said = running.end()
            assert (code, "Traceback" in said, "Fatal" in said) == (3, False, False), said


def test_the_certificate_in_every_form(pindrill: Pindrill) -> None:
    with station(pindrill) as running:
        for name in ("pindrill-ca.pem", "pindrill-ca.crt", "pindrill-ca.mobileconfig"):
            assert fetch(running.url + name)[0] == 403
        assert fetch(running.url + "ca", data=b"")[0] == 200
        _, pem, _ = fetch(running.url + "pindrill-ca.pem")
        _, der, kind = fetch(running.url + "pindrill-ca.crt")
        _, profile, profile_kind = fetch(running.url + "pindrill-ca.mobileconfig")
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate == x509.load_der_x509_certificate(der)
    assert (kind, profile_kind) == ("application/x-x509-ca-cert", "application/x-apple-aspen-config")
    (payload,) = plistlib.loads(profile)["PayloadContent"]
    assert (payload["PayloadType"], payload["PayloadContent"]) == ("com.apple.security.root", der)
    assert "TEST" in certificate.subject.rfc4514_string()
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_without_the_token_nothing_is_found(pindrill: Pindrill) -> None:
    with station(pindrill) as running:
        base = re.sub(r"[^/]+/$", "", running.url)
        for path in ("", "x/", "x/live", "x/pindrill-ca.pem", running.url.split("/")[3][:-1] + "/"):
            assert fetch(base + path)[0] == 404
        assert fetch(base + "x/ca", data=b"")[0] == 404
        assert fetch(running.url + "pindrill-ca.pem")[0] == 403


def test_a_next_that_nobody_asked_for_is_refused(pindrill: Pindrill) -> None:
    with station(pindrill) as running:
        assert fetch(running.url + "next", data=b"client=127.0.0.1&destination=a.test:443")[0] == 409


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--listen", "0.0.0.0"], "others can reach the proxy: say who is served with --client"),
        (["--listen", "nowhere"], "--listen takes ADDRESS:PORT with an IP address of this machine, not 'nowhere'"),
        (["--listen", "203.0.113.7", "--client", "10.0.0.1"], "cannot listen on 203.0.113.7"),
        (["--client", "10.0.0.0/99"], "neither an address nor a network"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_says_what_and_how(pindrill: Pindrill, options: list[str], words: str) -> None:
    done = subprocess.run(
        [str(PROGRAM), "station", *options],
        capture_output=True, text=True, env=pindrill.environment, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode in (2, 3), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
