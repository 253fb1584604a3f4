"""Clients that kill or stop what watches them: does the deadline hold, is anybody left, does it count as a refusal?"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from pindrill.clients.command import _said
from pindrill.clients.process import run
from pindrill.model import Said

DEADLINE_S = 1.0
MOST_S = DEADLINE_S + 8.0
GUARD = "$(awk '/^PPid/ {print $2}' /proc/$PPID/status)"
ATTACKS = {
    "kill the shepherd": "kill -KILL $PPID",
    "stop the shepherd": "kill -STOP $PPID",
    "kill its guard": f"kill -KILL {GUARD}",
    "kill both": f"g={GUARD}; kill -KILL $g $PPID",
    "stop both": f"g={GUARD}; kill -STOP $g $PPID",
}
STAYS = "setsid sh -c 'exec >/dev/null 2>&1; sleep 60' & trap '' TERM; sleep 60"


def left(home: str) -> int:
    found = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            found += f"HOME={home}".encode() in Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
    return found


def main() -> int:
    bad = 0
    for what, attack in ATTACKS.items():
        with tempfile.TemporaryDirectory() as home:
            begun = time.monotonic()
            ended = run(
                ["sh", "-c", f"{attack}; {STAYS}"],
                environment={"HOME": home, "PATH": os.environ["PATH"]},
                deadline_s=DEADLINE_S,
            )
            took = time.monotonic() - begun
            said, _ = _said(ended, False)
            alive = left(home)
            held = took < MOST_S and not alive and said is Said.DIED
            bad += not held
            print(f"{'held' if held else 'BROKEN':7} {what:18} {took:5.2f} s of {DEADLINE_S:g}, {alive} left: {said}")
    return bad > 0


if __name__ == "__main__":
    raise SystemExit(main())
