"""Where a drill runs: an address of its own, a directory, and names that resolve for clients."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pindrill.drills.subjects import Subject
from pindrill.interruption import Started
from pindrill.machine import names
from pindrill.machine.directories import run_directory
from pindrill.machine.names import own_address

RunPlace = tuple[str, Path]
"""The address and the directory of a run."""


def enter_place(subjects: Sequence[Subject], edit_hosts: bool, started: Started, more: Sequence[str] = ()) -> RunPlace:
    """The address and directory of this run; enters the place where the names, and `more` of them, resolve."""
    place = names.here()
    if place is None:
        address, directory = own_address(), run_directory(started)
        place = address, directory.path
        if edit_hosts:
            names.edit_hosts(started, address)
        else:
            names.enter(address, directory, sys.argv[1:], more)
    if not all(subject.resolves_itself for subject in subjects) and not names.resolves(place[0]):
        raise names.advice()
    return place
