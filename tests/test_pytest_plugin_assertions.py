"""The pytest plugin: assertions in any test, with pins in the target or compiled in."""

from __future__ import annotations

import pytest
from pindrill.keyring import Keyring
from pindrill.mint import Mint
from pindrill.model import STRATEGY, PinsOf
from support.plugin_project import apart, inside, project

pytest_plugins = ["pytester"]
__all__ = ["project"]


def asserting(*lines: str) -> str:
    body = "\n    ".join(lines)
    return f"""
import asyncio, unittest
from dataclasses import replace
from client import fetch
from pindrill.pytest_plugin import assert_fails_closed, assert_survives, run

def careless(target):
    return fetch(target, check=lambda *_: True)

async def later(target):
    return await asyncio.to_thread(fetch, target)

def strict(target):
    told = target.pins[0]
    return fetch(replace(target, pins=(replace(told, values=told.values[:1]),)))

def test_it():
    {body}
"""


@pytest.mark.parametrize("name", ["fetch", "later"])
def test_assertions_take_plain_and_async_clients(project: pytest.Pytester, name: str) -> None:
    project.makepyfile(
        asserting(f'assert_fails_closed({name}, scenarios=["IN5", "IN1"])', f'assert_survives({name}, "RO2")')
    )
    inside(project).assert_outcomes(passed=1)


def test_the_evidence_of_an_assertion_is_in_its_message(project: pytest.Pytester) -> None:
    project.makepyfile(asserting('assert_fails_closed(careless, scenarios=["IN5", "IN1"], tls="1.3")'))
    result = apart(project, "--junit-xml", "junit.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*fail-open: IN5 *(1 of 2 cells)", "*Seen*readable bytes*"])
    text = (project.path / "junit.xml").read_text()
    assert 'name="pindrill_cell" value="IN5 leaf-spki+backup TLS 1.3: fail-open: ' in text
    assert 'name="pindrill_cell" value="IN1 leaf-spki+backup TLS 1.3: pass: ' in text


def test_an_outage_is_no_survival(project: pytest.Pytester) -> None:
    project.makepyfile(asserting('assert_survives(strict, "RO2", tls="1.2")'))
    result = inside(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*outage: RO2 *"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        # Without a backup pin a correct client refuses: that is a pass of the drill, but nothing survived.
        ('assert_survives(fetch, "RO6", strategies="leaf-spki")', "*there was nothing to survive"),
        ('assert_fails_closed(fetch, scenarios="RO1")', "*no cell was judged that the client must refuse"),
        ('assert_survives(lambda _: 1 / 0, "RO1")', "*not judged, so not a pass: error: RO1 *"),
    ],
)
def test_an_assertion_holds_for_something_that_was_judged(project: pytest.Pytester, call: str, message: str) -> None:
    project.makepyfile(asserting(call))
    result = inside(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_a_method_of_a_test_case_asserts(project: pytest.Pytester) -> None:
    project.makepyfile(
        asserting("pass")
        + """
class TestClient(unittest.TestCase):
    def setUp(self):
        self.fetch = fetch

    def test_closed(self):
        assert_fails_closed(self.fetch, scenarios="IN5", tls="1.3")

    def test_careless(self):
        assert_fails_closed(careless, scenarios="IN5", tls="1.3")
"""
    )
    result = inside(project)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*fail-open: IN5 *"])


def test_a_pinned_client_needs_its_keyring(project: pytest.Pytester) -> None:
    project.makepyfile(asserting('assert_fails_closed(fetch, pinned="leaf-spki")'))
    result = inside(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*pinned='leaf-spki' needs the keyring *--pindrill-keyring DIR*"])


@pytest.mark.parametrize(("checked", "passed"), [(True, 1), (False, 0)])
def test_a_client_with_compiled_in_pins_is_drilled_with_its_keyring(
    project: pytest.Pytester, checked: bool, passed: int
) -> None:
    keyring = Keyring.create(project.path / "keyring")
    values = tuple(Mint(keyring).pins(STRATEGY["leaf-spki+backup"], PinsOf()))
    project.makepyfile(
        f"""
        from dataclasses import replace
        import pytest
        from client import fetch, pinned
        from pindrill.model import TargetPins

        PINS = TargetPins(host="app.pin.test", of="spki", values={values!r})

        def compiled_in(tls, target):
            assert target.pins is None
            return not {checked} or pinned(tls, replace(target, pins=(PINS,)))

        @pytest.mark.pindrill(scenarios="IN5", tls="1.3", pinned="leaf-spki+backup")
        def test_client(target):
            return fetch(target, check=compiled_in)
        """
    )
    inside(project, "--pindrill-keyring", "keyring").assert_outcomes(passed=passed, failed=1 - passed)


def test_a_keyring_that_is_none(project: pytest.Pytester) -> None:
    project.makepyfile(asserting("assert_fails_closed(fetch)"))
    result = inside(project, "--pindrill-keyring", "nowhere")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*--pindrill-keyring (ini: pindrill_keyring): */nowhere: no keyring here*"])
