"""What pindrill executes where the names under test resolve: itself, its directory handed over as standard input."""

from pindrill.__main__ import run

run(again=True)
