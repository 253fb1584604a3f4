"""Result lines made up for the tests of reports; `tests/test_report_cli.py` has lines of a real drill."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pindrill.model import ClientHello, Observation
from pindrill.reports.words import MEANING
from pindrill.results.finding import FindingLine, finding_of
from pindrill.results.line import ResultLine, line_of, plain_line

from support.facts import quiet

Result = dict[str, Any]

SPKI = "q" * 43 + "="
OTHER_SPKI = "z" * 43 + "="
HOSTILE = "</script><img src=x onerror=alert(1)>{{7*7}}\u202e\x1b[31m&amp;'\"`|@all"
"""What a peer or a client may send to break out of a report."""


def certificate(subject: str = "app.pin.test", issuer: str = "TEST Intermediate", **fields: Any) -> Result:
    return {
        "subject": subject,
        "issuer": f"CN={issuer},O=TEST",
        "names": ["app.pin.test"],
        "not_before": 1_700_000_000,
        "not_after": 1_800_000_000,
        "spki_sha256": SPKI,
        "certificate_sha256": OTHER_SPKI,
        "pinned": True,
        **fields,
    }


def observation(**fields: Any) -> Result:
    hello = {
        **quiet(ClientHello),
        "sni": "app.pin.test",
        "alpn": ["http/1.1"],
        "versions": [772, 771],
        "groups": [29],
        "signature_algorithms": [1027],
        "at": 2_000_000,
    }
    return {
        **quiet(Observation),
        "number": 1,
        "credential": "1",
        "accepted_at": 1_000_000,
        "hello": hello,
        "tls_version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "alpn": "http/1.1",
        "flight_made_at": 3_000_000,
        "flight_sent_at": 3_500_000,
        "finished_at": 4_000_000,
        "alerts": [],
        "progress": "headers",
        "data_bytes": 91,
        "first_data_at": 5_000_000,
        "request_line": "GET /<secret> HTTP/1.1",
        "secrets": ["pd7s00"],
        "bytes_in": 500,
        "bytes_out": 900,
        "response_sent_at": 6_000_000,
        "close_notify": True,
        "ended": "fin",
        "ended_at": 7_000_000,
        "story": "sent 91 readable bytes",
        **fields,
    }


def report(**fields: Any) -> Result:
    return {
        "said": "accepted",
        "detail": "",
        "canary_out": True,
        "exit_code": 0,
        "ending_at": 0,
        "duration_s": 0.01,
        "stdout": "",
        "stderr": "",
        **fields,
    }


def stage(**fields: Any) -> Result:
    return {
        "expected": "refuse",
        "because": "no pin matches a certificate of the chain",
        "served": [certificate(pinned=False)],
        "pins": [OTHER_SPKI],
        "runs": [{"report": report(), "observations": [observation()], "strays": []}],
        **fields,
    }


def line(verdict: str = "pass", **fields: Any) -> ResultLine:
    return line_of(told_line(verdict, **fields))


def told_line(verdict: str = "pass", **fields: Any) -> Result:
    """As plain values."""
    client, scenario = fields.get("client", "app"), fields.get("scenario", "interception/untrusted-ca")
    return {
        "version": 1,
        "pindrill": "0.1.0",
        "client": client,
        "client_version": "app 1.0",
        "scenario": scenario,
        "code": "IN2",
        "strategy": "leaf-spki",
        "tls": "1.3",
        "round": 0,
        "pins": [OTHER_SPKI],
        "semantics": "position=validated,mode=restrict,host=on",
        "expected": "refuse",
        "verdict": verdict,
        "attribution": "unknown",
        "control": {"genuine": "accepted", "pin": "absent"},
        "reason": f"the client {MEANING.get(verdict, '')}",  # type: ignore[call-overload]
        "summary": "root-rogue -> leaf-rogue",
        "catches": "a client that trusts every CA",
        "repeat": f"pindrill drill --only {scenario} --client clients/{client}.toml",
        "client_seconds": 0.25,
        "known": None,
        "stages": [stage()],
        **fields,
    }


def known(reason: str = "documented", source: str = "its manual") -> Result:
    return {"reason": reason, "source": source}


def finding(**fields: Any) -> FindingLine:
    return finding_of(told_finding(**fields))


def told_finding(**fields: Any) -> Result:
    return {
        "file": "app/src/main/res/xml/network_security_config.xml",
        "line": 12,
        "rule": "no-backup",
        "severity": "warning",
        "message": "example.com has 1 pin and no backup",
        "effect": "when the key is lost, every installed app is locked out",
        "fix": "add the pin of a key kept offline",
        **fields,
    }


def hostile_line() -> ResultLine:
    """Everything that comes from a peer or a client is hostile."""
    seen = observation(request_line=HOSTILE, failure=HOSTILE)
    seen["hello"] = {**seen["hello"], "sni": HOSTILE, "alpn": [HOSTILE]}
    said = report(said="refused", detail=HOSTILE, stdout=HOSTILE + "\n::error::x", stderr=HOSTILE)
    run = {"report": said, "observations": [seen], "strays": [{"where": HOSTILE, "observation": observation()}]}
    served = [certificate(subject=HOSTILE, issuer=HOSTILE, names=[HOSTILE], not_after=10**20)]
    return line(
        "fail-open",
        client=HOSTILE,
        client_version=HOSTILE,
        reason=HOSTILE + "\n::error::x",
        repeat=f"pindrill drill -- {HOSTILE}",
        stages=[stage(served=served, because=HOSTILE, pins=[HOSTILE], runs=[run])],
    )


def write(path: Path, lines: Iterable[ResultLine | FindingLine | Result]) -> Path:
    plain = (each if isinstance(each, Mapping) else plain_line(each) for each in lines)
    path.write_text("".join(json.dumps(each) + "\n" for each in plain))
    return path
