"""A mitmdump to test with: that of the environment which ci/test makes, or one on PATH."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest
from pindrill.mitm.install import Mitmdump, find

ROOT = Path(__file__).parents[2]
MADE_BY_CI = ROOT / ".venv-mitmproxy" / "bin" / "mitmdump"


@cache
def mitmdump_or_skip() -> Mitmdump:
    found = str(MADE_BY_CI) if MADE_BY_CI.exists() else shutil.which("mitmdump")
    if not found:
        pytest.skip("no mitmdump here: `pindrill mitm install --dir .venv-mitmproxy`")
    return find(Path(found))
