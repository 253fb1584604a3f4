"""512 MB on a client's output and on an adapter's error output: how much memory and disk, is the canary still found?"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from pindrill.clients.adapter import AdapterDriver
from pindrill.clients.process import run
from pindrill.model import Said, Target

MEGABYTES = 512
MOST_MEMORY_MB = 64
CANARY = "canary-in-the-midst"
ADAPTER = f"""
import json, os, sys
for line in sys.stdin:
    told = json.loads(line)
    if "id" in told:
        for _ in range({MEGABYTES * 16}):
            os.write(2, b"x" * 65536)
        print(json.dumps({{"id": told["id"], "result": "refused", "error": "pin"}}), flush=True)
"""


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    before, begun = peak_mb(), time.monotonic()
    half = f"head -c {MEGABYTES // 2}M /dev/zero"
    ended = run(
        ["sh", "-c", f"{half}; echo {CANARY}; {half}"],
        environment={"PATH": os.environ["PATH"]},
        deadline_s=120,
        wanted=CANARY.encode(),
    )
    print(f"command: {MEGABYTES} MB in {time.monotonic() - begun:.1f} s, canary found: {ended.wanted_out}")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        driver = AdapterDriver([sys.executable, "-c", ADAPTER], directory=Path(directory))
        session = driver.session(Path(directory))
        target = Target(
            id="t1", session="s1", url="https://app.pin.test:1/x", host="app.pin.test", port=1, path="/x",
            address="127.0.0.1", trust_file="", pins=None, deadline_s=120.0,
        )  # fmt: skip
        report = session.attempt(target)
        disk = sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())
        session.end()
        driver.close()
    print(f"adapter: {MEGABYTES} MB in {time.monotonic() - begun:.1f} s, {disk} bytes on disk: {report.said}")
    grown = peak_mb() - before
    print(f"memory: {grown:.1f} MB more at most")
    return not (ended.wanted_out and report.said is Said.REFUSED and disk == 0 and grown < MOST_MEMORY_MB)


if __name__ == "__main__":
    raise SystemExit(main())
