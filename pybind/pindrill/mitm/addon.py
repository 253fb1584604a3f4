"""What mitmproxy loads: `mitmdump -s $(pindrill mitm addon)`.

Alone it prints a verdict per destination; pindrill drives it over a socket. It runs in mitmproxy's interpreter,
which has no pindrill: the package is found beside this file, without its compiled module.
"""

import json
import os
import sys
from pathlib import Path
from types import ModuleType

if "pindrill" not in sys.modules:
    _package = ModuleType("pindrill")
    _package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["pindrill"] = _package

from mitmproxy import ctx

_settings = os.environ.pop("PINDRILL_MITM", "")


def running() -> None:
    """Behind mitmproxy's own addons, of which some overrule those of scripts."""
    if _settings:
        from pindrill.mitm.inside.driven import Driven  # noqa: PLC0415  (what is not needed may not run here)

        driven = Driven(json.loads(_settings))
        ctx.master.addons.add(driven.hooks)
        driven.start()
    elif sys.version_info < (3, 11):  # noqa: UP036  (mitmproxy's interpreter, not ours)
        print("pindrill: no verdicts: they need mitmproxy on Python 3.11 or later, this is", sys.version.split()[0])
    else:
        from pindrill.mitm.inside.alone import Alone  # noqa: PLC0415

        ctx.master.addons.add(Alone())
