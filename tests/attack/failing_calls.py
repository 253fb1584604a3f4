"""Every call that can fail, at every place, with everything that it can fail with.

`python tests/attack/failing_calls.py [CALL ...]` takes hours for all of them; tests/test_failing_calls.py tries some
places of each. Loopback only.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cli import CURL, Pindrill
from support.failing_calls import CALLS, Fault, Faults, build

COMMANDS = (
    ("drill", "--tls", "1.3", "--only", "BL3", "--deadline", "5", "--json", "results.jsonl", "--", *CURL),
    ("audit", "--proxy", "--json", "results.jsonl", "--most-starts", "1", "--", "true"),
    ("scenarios", "--json"),
)


def main() -> int:
    found = 0
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        faults = Faults(Pindrill(place, place / "cache"), build(place))
        for arguments in COMMANDS:
            for call in sys.argv[1:] or CALLS:
                count = faults.count(call, arguments)
                print(f"{arguments[0]}: {call}: {count} places", flush=True)
                for at in range(1, count + 1):
                    for error in CALLS[call]:
                        for on in (False, True):
                            troubles = faults.troubles(Fault(call, at, error, on), arguments)
                            found += len(troubles)
                            print(*troubles, sep="\n", end="\n" if troubles else "", flush=True)
    print(f"{found} wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
