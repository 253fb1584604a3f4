"""What mitmproxy loads: `mitmdump -s $(pindrill mitm addon)`.

Alone it starts `pindrill mitm watch`, which judges; or pindrill drives it. Either way everything is told over a socket.
It runs in mitmproxy's interpreter, which has no pindrill: what it needs is found beside this file.
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
        return
    from pindrill.mitm.inside.alone import Alone  # noqa: PLC0415

    try:
        alone = Alone()
    except OSError as error:
        print("pindrill: no verdicts:", error, file=sys.stderr)
    else:
        ctx.master.addons.add(alone)
        alone.start()
