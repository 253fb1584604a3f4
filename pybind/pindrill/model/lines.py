"""Lines of JSON that commands write and reports read, each as its published schema says."""

from __future__ import annotations

from typing import Any

PlanLine = dict[str, Any]
"""A plan, or a step of it, as `pindrill plan --json` writes it."""
ForecastRow = dict[str, Any]
"""Percent of the field at one instant, as `pindrill plan --csv` writes it."""
