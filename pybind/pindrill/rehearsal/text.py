"""What a rehearsal came to, for people."""

from __future__ import annotations

from collections.abc import Sequence

from pindrill.preflight.model import WORDS, Status
from pindrill.rehearsal.play import RehearsalLine
from pindrill.reports.plain import counted, harmless


def exit_code(lines: Sequence[RehearsalLine]) -> int:
    found = {line.agrees for line in lines}
    return 1 if False in found else 3 if None in found or not found else 0


_DID = {
    "accepted": "accepted",
    "refused": "refused",
    "unclear": "left it unclear",
    "unsupported": "cannot be told",
}


def shown(lines: Sequence[RehearsalLine]) -> list[str]:
    shown: list[str] = []
    title = ""
    for line in lines:
        now = f"Step {line.step} ({line.name}), {line.file}, TLS {line.tls}"
        if now != title:
            title = now
            shown.append(harmless(title) + ("" if line.real_key else ", with stand-ins"))
        mark = {True: "as predicted", False: "NOT as predicted", None: "cannot be compared"}[line.agrees]
        why = f": {line.reason}" if line.agrees is not True else ""
        if line.otherwise:
            why = f": by this client's declared semantics: {WORDS[Status(line.otherwise)]}"
        words = WORDS[Status(line.predicted)]
        shown.append(harmless(f"  {line.phase:6} predicted: {words}; it {_DID[line.did]}: {mark}{why}"))
    wrong = sum(line.agrees is False for line in lines)
    unsaid = sum(line.agrees is None for line in lines)
    counts = [f"{counted(len(lines), 'attempt')}"]
    counts += [f"{wrong} not as predicted"] if wrong else []
    counts += [f"{unsaid} cannot be compared"] if unsaid else []
    return [*shown, ", ".join(counts)]
