"""Short commands: what they leave running, how long they may take, how much they may say."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pindrill.clients.briefly import TookTooLong, run_briefly
from pindrill.clients.output import OUTPUT_LIMIT
from support.cli import processes_that_name

SHORT_S = 0.5


def test_what_it_says_and_how_it_ends() -> None:
    done = run_briefly("echo out; echo err >&2; exit 3", patience_s=60)
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert run_briefly(["sh", "-c", "kill -9 $$"], patience_s=60).code == -9
    with pytest.raises(OSError, match="no-such-program"):
        run_briefly(["no-such-program"], patience_s=60)


def test_what_it_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    """As `adb start-server` does."""
    begun = time.monotonic()
    done = run_briefly(f"cd {tmp_path}; sleep 15 & echo $! > pid; echo started", patience_s=60)
    assert (done.code, done.stdout) == (0, "started\n")
    assert time.monotonic() - begun < 10
    assert Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists(), "it is the user's to end"


@pytest.mark.parametrize("stays", ["exec sleep 1000", "exec >/dev/null 2>&1; sleep 1000", "while :; do echo on; done"])
def test_at_the_end_of_patience_it_is_ended_with_its_group(tmp_path: Path, stays: str) -> None:
    begun = time.monotonic()
    with pytest.raises(TookTooLong):
        run_briefly(f": {tmp_path}; sleep 1000 & {stays}", patience_s=SHORT_S)
    assert time.monotonic() - begun < 10
    assert processes_that_name(str(tmp_path)) == []


def test_its_output_is_kept_up_to_a_limit() -> None:
    done = run_briefly("echo first; head -c 50000000 /dev/zero; echo last", patience_s=60)
    assert len(done.stdout) < OUTPUT_LIMIT + 100
    assert done.stdout.startswith("first\n")
    assert done.stdout.endswith("last\n")
