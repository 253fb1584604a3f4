"""A secret that arrives when its cell has been judged takes the verdict back (T9)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from support.cli import PATIENCE_S, Pindrill

SUPPORT = Path(__file__).parent / "support"
TLS13 = ("--tls", "1.3", "--strategy", "leaf-spki")


def test_somebody_whom_the_client_told_comes_later(pindrill: Pindrill) -> None:
    """A service outside the client's own processes tries again while other cells run."""
    told, sent = pindrill.directory / "told", pindrill.directory / "sent"
    os.mkfifo(sent)
    client = pindrill.script(
        "app",
        '#!/bin/sh\ncurl -sS --cacert "$1" --pinnedpubkey "$2" "$3" && exit 0\ncode=$?\n'
        f'if [ -e {told} ]; then cat {sent}; else echo "$4" > {told}.new; mv {told}.new {told}; fi\nexit $code\n',
    )

    def send() -> None:
        end = time.monotonic() + PATIENCE_S
        while not told.exists() and time.monotonic() < end:
            time.sleep(0.02)
        subprocess.run(["curl", "-sSk", told.read_text().strip()], check=False)
        sent.write_text("sent")

    service = threading.Thread(target=send)
    service.start()
    arguments = (client, "{ca_file}", "{pins_curl}", "{url}", "https://{address}:{port}{path}")
    ran = pindrill.drill(arguments, *TLS13, "--jobs", "1", only=("BL6", "IN1"))
    service.join()
    lines = [(line["code"], line["verdict"], line.get("supersedes", False)) for line in ran.results]
    assert lines == [("BL6", "pass", False), ("IN1", "pass", False), ("BL6", "downgrade", True)]
    assert ran.code == 1
    assert "(after the cell was judged)" in ran.results[-1]["reason"]


def test_an_adapter_that_sends_it_at_its_own_end(pindrill: Pindrill) -> None:
    client = (sys.executable, str(SUPPORT / "late_adapter.py"), "--at-the-end")
    ran = pindrill.drill(client, *TLS13, "--adapter", only=("BL6",))
    assert [line["verdict"] for line in ran.results] == ["pass", "downgrade"]
    assert ran.code == 1


def test_an_adapter_that_never_ends_is_ended(pindrill: Pindrill) -> None:
    client = pindrill.script("app", f"#!/bin/sh\n{sys.executable} {SUPPORT / 'late_adapter.py'}\nexec sleep 1000\n")
    ran = pindrill.drill((client,), *TLS13, "--adapter", "--deadline", "2", only=("BL1",))
    assert (ran.code, ran.verdicts()) == (0, {"BL1": {"pass"}})
