"""The bench of a phone: an audit that nobody drives, and its page."""

from __future__ import annotations

import secrets
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import uvicorn

from pindrill.audits.audit import Audit
from pindrill.audits.audit_lines import audit_line
from pindrill.audits.facts import Destination
from pindrill.audits.forge import Forge
from pindrill.interruption import Started
from pindrill.machine.served import ConnectionBudget, ServedClients
from pindrill.model import UsageError
from pindrill.model.told_command import told_command
from pindrill.results.audit_line import AuditLine
from pindrill.station.certificates import TestCa
from pindrill.station.serving import MOST_CONNECTIONS, MOST_OF_ONE_CLIENT, listen, page_server
from pindrill.station.web import Station

_END_S = 10.0
"""For requests that are being answered as it ends."""


class PhoneBench:
    """An audit that nobody drives, as the page sees it."""

    def __init__(self, audit: Audit, app: str) -> None:
        self.audit = audit
        self._app = app

    def lines(self) -> Sequence[AuditLine]:
        repeat = told_command(["pindrill", *sys.argv[1:]])
        return [audit_line(each, app=self._app, mode="proxy", repeat=repeat) for each in self.audit.verdicts()]

    def state(self) -> Mapping[str, Any]:
        with self.audit.pump.lock:
            return self.audit.schedule.state()

    def skip(self, client: str, destination: str) -> bool:
        with self.audit.pump.lock:
            known = {(each["client"], each["destination"]) for each in self.audit.schedule.state()["destinations"]}
            if (client, destination) not in known:
                return False
            host, _, port = destination.rpartition(":")
            self.audit.schedule.skip(client, Destination(host.strip("[]"), int(port)))
            return True


def serve(bench: PhoneBench, forge: Forge, address: str, port: int, served: ServedClients) -> None:
    """Until Ctrl-C, or until the interceptor fails."""
    with Started() as started:
        listening = started.start(lambda: _listening(address, port), socket.socket.close)
        server = _page(bench, forge, address, listening, served)
        ended = threading.Event()
        started.start(lambda: _Page(server, listening, ended), _Page.close)
        try:
            # No join here: until Python 3.13, Ctrl-C during one makes the thread count as ended while it runs on.
            while not ended.wait(0.5) and not bench.audit.pump.trouble:
                pass
        except KeyboardInterrupt:
            pass


def _listening(address: str, port: int) -> socket.socket:
    try:
        return listen(address, port)
    except OSError as error:
        raise UsageError(f"cannot listen on {address} port {port}: {error.strerror}") from error


def _page(
    bench: PhoneBench, forge: Forge, address: str, listening: socket.socket, served: ServedClients
) -> uvicorn.Server:
    """Of what is served; says where."""
    token = secrets.token_urlsafe(16)
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:{listening.getsockname()[1]}/{token}/"
    (_, proxy_port), *_ = bench.audit.ports
    page = Station(
        bench, TestCa(forge.ca_name, forge.ca_pem, forge.ca_der), token, url, proxy_host=address, proxy_port=proxy_port
    )
    budget = ConnectionBudget(most=MOST_CONNECTIONS, most_of_one=MOST_OF_ONE_CLIENT)
    server = page_server(page.application(), served, budget)
    # Whoever is told may press Ctrl-C at once, which must not come while logging is set up.
    print(f"station: {url}\nproxy: {host}:{proxy_port}", flush=True)
    print("Whoever has this address of the station can see the verdicts and take the test CA.", file=sys.stderr)
    return server


class _Page:
    """Not on the main thread: there it would take the signals, and raise them again when all is over."""

    def __init__(self, server: uvicorn.Server, listening: socket.socket, ended: threading.Event) -> None:
        self._server = server
        self._listening = listening
        self._ended = ended
        threading.Thread(target=self._run, name="station", daemon=True).start()

    def close(self) -> None:
        self._server.should_exit = True
        self._ended.wait(_END_S)

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listening])
        finally:
            self._ended.set()
