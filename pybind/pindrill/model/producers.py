"""Who watches connections, and which facts each of them never tells.

All others it tells: a test drives each of them until every fact has been seen. A new fact that a producer cannot know
is marked as unknowable in its table, and stands here as None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Producer = Literal["server", "interceptor", "mitmproxy"]

UNKNOWN: Mapping[Producer, Mapping[str, Mapping[str, Any]]] = {
    "server": {"Observation": {}, "ClientHello": {}, "Alert": {}},
    # It offers neither tickets nor early data, and asks for no certificate.
    "interceptor": {
        "Observation": {"early_data_bytes": 0, "resumed": False, "client_certificate": False},
        "ClientHello": {},
        "Alert": {},
    },
    # Its engine takes no early data, and does not say which keys an alert came under.
    "mitmproxy": {"Observation": {"early_data_bytes": 0}, "ClientHello": {}, "Alert": {"encrypted": None}},
}
"""By producer and record: the fact, and what stands in its place."""
