"""An adapter that does what the path of its target says, so that tests see what the driver makes of it."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ended: list[str] = []


ANSWERS: dict[str, dict[str, object]] = {
    "accept-without-body": {"result": "accepted"},
    "refuse": {"result": "refused", "error": "pin mismatch"},
    "unsupported": {"result": "unsupported", "why": "no hex"},
    "error": {"result": "error", "error": "bug in the adapter"},
    "odd-result": {"result": "maybe"},
    "list-result": {"result": ["accepted"]},
    "no-result": {},
}
NOISE = {
    "log": "starting …\n\n{not json\n[1, 2]\n17\nnull\n".encode(),
    "binary": b"\xff\xfe\x00\n",
    "deep": b"[" * 100_000 + b"\n",
}


def write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def answer(message: dict[str, Any], **fields: object) -> None:
    write(json.dumps({"id": message["id"], **fields}).encode() + b"\n")


def act(message: dict[str, Any]) -> None:
    what, _, argument = message["path"].strip("/").partition("/")
    if what in ANSWERS:
        answer(message, **ANSWERS[what])
    elif what in NOISE:
        write(NOISE[what])
        answer({"id": "of another"}, result="accepted", body=argument)
        answer(message, result="refused", error=f"after {what}")
    elif what.startswith("accept"):
        answer(message, result="accepted", body=[argument] if what == "accept-odd-body" else f"<{argument}>")
    elif what == "target":
        answer(message, result="accepted", body=json.dumps(message))
    elif what == "tell":
        told = {"pid": os.getpid(), "ended": ended, "home": os.environ["HOME"], "session": message["session"]}
        told["environment"] = sorted(os.environ.keys() & {"GIVEN", "SSL_CERT_FILE"})
        answer(message, result="refused", error=json.dumps(told))
    else:
        misbehave(message, what)


def misbehave(message: dict[str, Any], what: str) -> None:
    if what == "pieces":
        for octet in json.dumps({"id": message["id"], "result": "refused", "error": "in pieces"}) + "\n":
            write(octet.encode())
    elif what == "endless":
        while True:
            write(b"x" * 65536)
    elif what == "crash":
        print("Traceback: it crashed", file=sys.stderr, flush=True)
        os._exit(3)
    elif what == "signal":
        Path(message["path"].removeprefix("/signal")).write_text("waiting")
        time.sleep(1000)
    elif what == "close":
        os.close(1)
        time.sleep(1000)
    else:
        time.sleep(1000)


for line in sys.stdin:
    received = json.loads(line)
    if "end_session" in received:
        ended.append(received["end_session"])
    else:
        act(received)
