"""The facts of a connection are declared once, in a table of the harness; all else follows it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from pindrill import _core
from pindrill.model import Alert, ClientHello, Observation

ROOT = Path(__file__).parents[1]
RECORDS = {"Alert": Alert, "ClientHello": ClientHello, "Observation": Observation}
OF_THE_FIRST_VERSION = {"Alert": 5, "ClientHello": 8, "Observation": 28}


def test_what_is_written_after_the_tables_is_current() -> None:
    command = [sys.executable, str(ROOT / "ci" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("record", RECORDS)
def test_a_table_names_each_field_once(record: str) -> None:
    rows = _core.facts()[record]
    assert [row["name"] for row in rows] == [each.name for each in fields(RECORDS[record])]
    assert len({row["name"] for row in rows}) == len(rows)
    assert all(row["meaning"].endswith(".") for row in rows)


@pytest.mark.parametrize("record", RECORDS)
def test_a_fact_that_is_added_is_marked_as_later(record: str) -> None:
    """Results of earlier versions, which lack it, stay valid."""
    rows = _core.facts()[record]
    assert sum(row["mark"] != "later" for row in rows) == OF_THE_FIRST_VERSION[record]
