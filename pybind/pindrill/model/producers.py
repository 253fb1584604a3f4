"""Who watches connections, and which facts each of them never tells.

All others it tells: a test drives each of them until every fact has been seen. A new fact that a producer cannot know
is marked as unknowable in its table, and stands here as None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Producer = Literal["server", "interceptor", "mitmproxy"]

_NO_TICKETS = {"resumed_from": "", "resumed_connection": 0, "ticket_declined": False, "tickets_sent": 0}

UNKNOWN: Mapping[Producer, Mapping[str, Mapping[str, Any]]] = {
    "server": {"Observation": {}, "ClientHello": {}, "Alert": {}},
    # It offers neither tickets nor early data, and asks for no certificate.
    "interceptor": {
        "Observation": {"early_data_bytes": 0, "resumed": False, "client_certificate": False, **_NO_TICKETS},
        "ClientHello": {},
        "Alert": {},
    },
    # Its engine gives no tickets, takes no early data, and does not say which keys an alert came under.
    "mitmproxy": {
        "Observation": {"early_data_bytes": 0, **_NO_TICKETS},
        "ClientHello": {},
        "Alert": {"encrypted": None},
    },
}
"""By producer and record: the fact, and what stands in its place."""
