"""400 idle connections to the station's page and to the DNS server: threads, files, and who is still answered."""

from __future__ import annotations

import os
import socket
import threading
import time
import urllib.request
from contextlib import ExitStack, suppress

import dnslib
from pindrill.audits.dns import DnsAnswerer
from pindrill.machine.served import ConnectionBudget, ServedClients
from pindrill.station import serving
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

PATIENCE_S = 20.0
MOST_FILES = 128


def idle(port: int, count: int, stack: ExitStack) -> None:
    for _ in range(count):
        with suppress(OSError):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))


def page() -> bool:
    server = serving.page_server(
        Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))]),
        ServedClients(["127.0.0.0/8"]),
        ConnectionBudget(most=serving.MOST_CONNECTIONS, most_of_one=serving.MOST_OF_ONE_CLIENT),
    )
    listening = serving.listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]))
    thread.start()
    with ExitStack() as stack:
        idle(port, 400, stack)
        time.sleep(1)
        # Our own ends are open as well.
        held = len(os.listdir("/proc/self/fd")) - 400
        begun, served = time.monotonic(), False
        while not served and time.monotonic() - begun < PATIENCE_S:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                served = answer.read() == b"here"
            time.sleep(0.1)
        print(f"page: 400 idle connections of one client hold {held} files; answered again after "
              f"{time.monotonic() - begun:.1f} s: {served}")  # fmt: skip
    server.should_exit = True
    thread.join(PATIENCE_S)
    listening.close()
    return served and held < MOST_FILES


def names() -> bool:
    answerer = DnsAnswerer("127.0.0.1", 0, names=["shop.test"], target="127.0.0.9")
    before = threading.active_count()
    with ExitStack() as stack:
        idle(answerer.port, 400, stack)
        time.sleep(0.5)
        more = threading.active_count() - before
        question = dnslib.DNSRecord.question("shop.test", "A")
        answer = dnslib.DNSRecord.parse(question.send("127.0.0.1", answerer.port, timeout=5))
        print(f"dns: 400 idle connections cost {more} threads; UDP answers meanwhile: {bool(answer.rr)}")
    answerer.close()
    return more <= 64 and bool(answer.rr)


if __name__ == "__main__":
    good = [page(), names()]
    raise SystemExit(not all(good))
