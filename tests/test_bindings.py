"""The C++ core from many threads of Python at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: what it must not do is abort. One thread keeps pybind11's registry of objects busy under
# the GIL, while others make what opens sockets without it.
PROGRAM = """
import sys, threading
from pindrill import _core

sys.setswitchinterval(1e-4)
loop, context, key = _core.Loop(), _core.ServerContext(), _core.KeyPair.generate("p-256")
credential = _core.Credential(key, [_core.self_signed(key, _core.CertificateSpec("a.test", dns=["a.test"]))])
ended = threading.Event()

def wrap_and_drop():
    while not ended.is_set():
        for _ in range(1000):
            credential.key

def make():
    for _ in range(TIMES):
        MAKE

busy = threading.Thread(target=wrap_and_drop)
makers = [threading.Thread(target=make) for _ in range(3)]
for thread in [busy, *makers]:
    thread.start()
for thread in makers:
    thread.join()
ended.set()
busy.join()
"""


@pytest.mark.parametrize(
    ("make", "times"),
    [
        ("_core.Server(loop, '127.0.0.1', 0, context, 'it', credential, '')", 500),
        ("_core.Interceptor(loop)", 30),
        ("_core.Proxy(loop, '127.0.0.1', 0, language='http', hosts={})", 500),
    ],
    ids=["servers", "interceptors", "proxies"],
)
def test_threads_may_make_them_at_the_same_time(make: str, times: int) -> None:
    program = PROGRAM.replace("MAKE", make).replace("TIMES", str(times))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
