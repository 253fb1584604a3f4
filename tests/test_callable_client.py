"""The callable driver: what a Python function says by returning or raising, and where names lead meanwhile."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from pathlib import Path

import pindrill
import pytest
from pindrill.clients.callable import CallableDriver, ClientFunction, resolving
from pindrill.model import ClientReport, Said, Target
from support.targets import CANARY, target


def attempt(client: ClientFunction) -> ClientReport:
    driver = CallableDriver(client)
    session = driver.session(Path())
    report = session.attempt(target(), CANARY)
    session.end()
    driver.close()
    return report


def raising(error: BaseException, cause: BaseException | None = None) -> ClientFunction:
    def client(_: Target) -> None:
        raise error from cause

    return client


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def in_context(_: Target) -> None:
    try:
        raise ssl.SSLCertVerificationError("bad certificate")
    except ssl.SSLError:
        raise ConnectionError("aborted")  # noqa: B904


class WithReasonError(Exception):
    """As urllib's URLError: the cause is an attribute."""

    def __init__(self, reason: object) -> None:
        super().__init__("failed")
        self.reason = reason


@pytest.mark.parametrize("answer", [None, "text", b"bytes", 17, CANARY, f"<{CANARY}>".encode(), [CANARY]])
def test_returning_is_accepting(answer: object) -> None:
    report = attempt(lambda _: answer)
    assert report.said is Said.ACCEPTED
    assert report.canary_out == (isinstance(answer, str | bytes) and CANARY in str(answer))


@pytest.mark.parametrize(
    ("client", "detail"),
    [
        (raising(pindrill.Refused("pin mismatch")), "Refused: pin mismatch"),
        (raising(ssl.SSLError("handshake")), "SSLError: ('handshake',)"),
        (raising(ssl.SSLCertVerificationError("bad")), "SSLCertVerificationError: "),
        (raising(OSError("wrapped"), ssl.SSLError("x")), "OSError: wrapped"),
        (raising(ValueError("twice"), caused(OSError("y"), ssl.SSLError("deep"))), "ValueError: twice"),
        (raising(RuntimeError("outer", ssl.SSLError("in its arguments"))), "RuntimeError: "),
        (raising(WithReasonError(ssl.SSLError("x"))), "WithReasonError: failed"),
        (in_context, "ConnectionError: aborted"),
    ],
)
def test_a_refusal_or_any_tls_error_is_refusing(client: ClientFunction, detail: str) -> None:
    report = attempt(client)
    assert report.said is Said.REFUSED, report.detail
    assert report.detail.startswith(detail)


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ValueError("a bug"), "ValueError: a bug"),
        (ConnectionRefusedError("nobody there"), "ConnectionRefusedError: nobody there"),
        (TimeoutError("slow"), "TimeoutError: slow"),
        (AssertionError(), "AssertionError: "),
        (WithReasonError("words"), "WithReasonError: failed"),
    ],
)
def test_any_other_exception_is_an_error_of_the_client(error: Exception, detail: str) -> None:
    report = attempt(raising(error))
    assert (report.said, report.detail) == (Said.ERROR, detail)


def test_an_error_that_is_its_own_cause_is_looked_at_once() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert attempt(raising(first, second)).said is Said.ERROR


def test_an_interruption_is_no_answer() -> None:
    with pytest.raises(KeyboardInterrupt):
        attempt(raising(KeyboardInterrupt()))


def test_a_client_that_ends_the_program_is_an_error_of_the_client() -> None:
    report = attempt(raising(SystemExit(1)))
    assert (report.said, report.detail) == (Said.ERROR, "it called sys.exit(1)")


def test_a_client_says_what_it_cannot_do() -> None:
    report = attempt(raising(pindrill.Unsupported("takes one fingerprint")))
    assert (report.said, report.detail) == (Said.UNSUPPORTED, "takes one fingerprint")


def test_an_async_client_is_waited_for() -> None:
    async def client(_: Target) -> str:
        await asyncio.sleep(0)
        return CANARY

    assert attempt(client).canary_out


def test_a_function_that_hangs_is_left_behind() -> None:
    enough = threading.Event()
    session = CallableDriver(lambda _: enough.wait(30)).session(Path())
    report = session.attempt(target(deadline_s=0.1), CANARY)
    enough.set()
    for thread in threading.enumerate():
        if thread.name == f"pindrill {target().id}":
            thread.join(60)
    assert report.said is Said.TIMEOUT
    assert report.ending_at > 0


def test_the_client_is_told_its_target_without_the_canary() -> None:
    given: list[Target] = []
    attempt(given.append)
    assert given == [target()]
    assert CANARY not in str(given)


# --- names ---------------------------------------------------------------------------------------------------


def resolved(name: str | bytes) -> set[str]:
    return {str(entry[4][0]) for entry in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)}


@pytest.mark.parametrize("name", ["app.pin.test", "APP.pin.test", "app.pin.test.", b"app.pin.test"])
def test_the_host_resolves_in_every_spelling(name: str | bytes) -> None:
    with resolving("app.pin.test", "127.0.0.7"):
        assert resolved(name) == {"127.0.0.7"}


def test_other_names_resolve_as_ever() -> None:
    with resolving("app.pin.test", "127.0.0.7"):
        assert resolved("127.0.0.9") == {"127.0.0.9"}
        assert resolved("localhost") & {"127.0.0.1", "::1"}


def test_resolution_is_as_before_afterwards() -> None:
    before, during = socket.getaddrinfo, []

    def client(_: Target) -> None:
        during.append(socket.getaddrinfo)
        raise ValueError

    attempt(client)
    assert during != [before]
    assert socket.getaddrinfo is before


def test_two_attempts_at_once_both_end_and_leave_nothing() -> None:
    before = socket.getaddrinfo
    inside = threading.Barrier(2)

    def hold(address: str) -> None:
        with resolving("app.pin.test", address):
            inside.wait(60)
            assert resolved("app.pin.test") <= {"127.0.0.7", "127.0.0.8"}
            inside.wait(60)

    threads = [threading.Thread(target=hold, args=(address,)) for address in ("127.0.0.7", "127.0.0.8")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert socket.getaddrinfo is before
