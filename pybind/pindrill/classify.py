"""What one connection shows, in one word. Facts in, a shape out; nothing is judged here.

The shapes follow the truth rules: alerts, FIN and RST tell the stage of a refusal, never its reason.
"""

from __future__ import annotations

from enum import StrEnum

from pindrill.model import Alert, Observation

SAME_MOMENT = 10_000_000
"""Nanoseconds. Who closes one connection and opens the next does both before they are noticed, in any order."""
CLOSE_NOTIFY = 0
USER_CANCELED, NO_RENEGOTIATION = 90, 100
_FATAL = 2
_TLS13 = "TLSv1.3"


class Shape(StrEnum):
    DATA = "sent data"
    PLAINTEXT = "spoke plain text"
    NO_HELLO = "sent no ClientHello"
    BEFORE_FLIGHT = "ended before it was shown the certificate"
    ALERT = "refused with an alert"
    WENT_ON = "sent more after it had ended its TLS connection, which could not be read"
    BROKEN_OFF = "sent what is no TLS, so that the server broke off"
    SILENT_FIN = "closed without alert or Finished"
    SILENT_RESET = "reset without alert or Finished"
    AFTER_HANDSHAKE = "completed the handshake and closed without data"
    OPEN = "was still open at the deadline"


REFUSALS = frozenset({Shape.ALERT, Shape.SILENT_FIN, Shape.SILENT_RESET, Shape.AFTER_HANDSHAKE})


def shape(seen: Observation, ending_at: int) -> Shape:
    """`ending_at`: when the harness began to end the client (0: never); later ends prove nothing (T5, T11)."""
    if spoke_plaintext(seen):
        return Shape.PLAINTEXT
    if sent_data(seen):
        return Shape.DATA
    if went_on(seen):
        return Shape.WENT_ON
    over = over_at(seen)
    if not over or (ending_at and over >= ending_at):
        return Shape.OPEN
    if seen.hello is None:
        return Shape.NO_HELLO
    answered = seen.resumed or seen.flight_made_at
    if answered and _server_gave_up(seen):
        return Shape.BROKEN_OFF
    if seen.finished_at:
        return Shape.AFTER_HANDSHAKE
    if not answered:
        return Shape.BEFORE_FLIGHT
    if refusal_alert(seen) is not None:
        return Shape.ALERT
    if not seen.flight_sent_at or seen.flight_sent_at > over:
        return Shape.BEFORE_FLIGHT
    # close_notify is the FIN of TLS: it says that no more comes, not why (RFC 8446 section 6.1). No kernel sends it for
    # a client that died, so a RST behind it is no doubt.
    return Shape.SILENT_FIN if closing_alert(seen) or seen.ended == "fin" else Shape.SILENT_RESET


def spoke_plaintext(seen: Observation) -> bool:
    """A secret or a request in plain text; other bytes that are no TLS are garbage, which tells nothing."""
    asked = seen.plaintext and (bool(seen.secrets) or seen.progress in ("request-line", "headers", "body"))
    return asked or bool(seen.plain_secrets)


def sent_data(seen: Observation) -> bool:
    """Inside TLS. A secret counts wherever it stands, also in what a protocol calls boilerplate."""
    return not seen.plaintext and bool(seen.data_bytes or seen.secrets)


def is_garbage(seen: Observation) -> bool:
    """Bytes that are neither TLS nor a request that is known."""
    return seen.plaintext and bool(seen.data_bytes) and not spoke_plaintext(seen)


def closing_alert(seen: Observation) -> Alert | None:
    """The alert by which the client ended its TLS connection, whatever TCP did afterwards (T4); None: it sent none."""
    return next((alert for alert in seen.alerts if not alert.sent and _closes(alert, seen.tls_version)), None)


def over_at(seen: Observation) -> int:
    """When the client ended the connection, by its alert or on the socket, whatever came first (0: it did not)."""
    closing = closing_alert(seen)
    ends = [closing.at] if closing else []
    return min(ends + ([seen.ended_at] if seen.ended != "open" else []), default=0)


def went_on(seen: Observation) -> bool:
    """It sent more than alerts behind the one that ended its TLS connection, and nobody could read it."""
    return bool(seen.unread_bytes) and closing_alert(seen) is not None


def refusal_alert(seen: Observation) -> int | None:
    """The number of the alert by which the client gave up, None when it sent none."""
    for alert in seen.alerts:
        if not alert.sent and alert.number not in (CLOSE_NOTIFY, USER_CANCELED) and not _declines(alert, seen):
            return alert.number
    return None


def _closes(alert: Alert, tls_version: str) -> bool:
    """TLS 1.3 gives levels no meaning: all alerts end it but user_canceled, which announces close_notify (RFC 8446
    section 6). Before, warnings end nothing (RFC 5246 section 7.2)."""
    if alert.number == CLOSE_NOTIFY:
        return True
    if tls_version == _TLS13:
        return alert.number != USER_CANCELED
    return alert.level == _FATAL


def _declines(alert: Alert, seen: Observation) -> bool:
    """Another handshake, not this one (RFC 5246 section 7.2.2)."""
    return alert.number == NO_RENEGOTIATION and not _closes(alert, seen.tls_version)


def _server_gave_up(seen: Observation) -> bool:
    """By a fatal alert, before the client ended the connection: what the client did then is no refusal."""
    for alert in seen.alerts:
        if _closes(alert, seen.tls_version):
            return alert.sent and alert.number != CLOSE_NOTIFY
    return False


def story(seen: Observation, ending_at: int = 0) -> str:
    """The connection in one line, for people."""
    return _told(seen, shape(seen, ending_at)) + road(seen)


def road(seen: Observation) -> str:
    """By which road it came, where it was shown no certificate."""
    return f", on the session resumed from connection {seen.resumed_connection}" if seen.resumed_connection else ""


def _told(seen: Observation, what: Shape) -> str:
    if what is Shape.DATA:
        secret = ", the request secret among it" if seen.secrets else ""
        early = f", {seen.early_data_bytes} of them as early data" if seen.early_data_bytes else ""
        line = f" ({seen.request_line})" if seen.request_line else ""
        return f"sent {seen.data_bytes or seen.boilerplate_bytes} readable bytes{secret}{early}{line}"
    if what is Shape.PLAINTEXT and not seen.plaintext:
        return "sent the request secret in plain text on the socket of its TLS connection"
    if what is Shape.PLAINTEXT:
        return f"sent {seen.data_bytes} bytes in plain text" + (f" ({seen.request_line})" if seen.request_line else "")
    if what is Shape.ALERT:
        return f"refused with alert {refusal_alert(seen)}"
    if what is Shape.SILENT_FIN and closing_alert(seen):
        return f"{what} but close_notify"
    if what is Shape.AFTER_HANDSHAKE:
        how = "close_notify" if seen.close_notify else {"fin": "FIN", "reset": "RST"}.get(seen.ended, "")
        alert = refusal_alert(seen)
        boilerplate = (
            f", after {seen.boilerplate_bytes} bytes of protocol boilerplate" if seen.boilerplate_bytes else ""
        )
        return f"completed the handshake and closed without data ({f'alert {alert}' if alert else how}{boilerplate})"
    if what in (Shape.BEFORE_FLIGHT, Shape.BROKEN_OFF) and seen.failure:
        return f"{what} ({seen.failure})"
    return what.value
