"""A rotation plan as a Markdown checklist: what to do, what to check, when to stop, how to go back. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pindrill.model import PlanLine
from pindrill.reports.plain import harmless

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")
_DO = {
    "renew": "The same key, certified again",
    "rekey": "Another key, same CA",
    "switch-ca": "Another CA",
    "add-root": "Devices begin to trust a root",
    "remove-root": "Devices cease to trust a root",
}


@dataclass(frozen=True, kw_only=True)
class StepFiles:
    """What the commands of a step name. `pins`: of the versions that are in the field by then."""

    pins: Sequence[str]
    current: str
    new: str
    trust: str = ""
    chain: str = ""
    key: str = ""
    csr: str = ""
    root: str = ""


def render(lines: Sequence[PlanLine], *, hosts: Sequence[str], steps: Sequence[StepFiles]) -> str:
    """`lines`: as `pindrill plan --json` writes them."""
    shown: list[PlanLine] = harmless(list(lines))
    [head] = [line for line in shown if line["kind"] == "plan"]
    reviews = [line for line in shown if line["kind"] == "step"]
    parts = [*_head(head, reviews), *_before(head)]
    for review, files in zip(reviews, steps, strict=True):
        parts += [*_step(review, files, hosts, head)]
    return "\n".join(parts) + "\n"


def _head(head: PlanLine, reviews: Sequence[PlanLine]) -> Iterator[str]:
    yield f"# Rotation: {_text(head['plan'])}\n"
    if head["status"] != "accepts":
        yield "**Do not begin: `pindrill plan` finds that this plan locks somebody out, leaves somebody unprotected or "
        yield "cannot be judged. Change the plan, then make this runbook again.**\n"
    yield "| step | begins | last safe date | as planned |\n|---|---|---|---|"
    for review in reviews:
        last = (
            review["last_safe"][:10] if review["last_safe"] else "none found" if review["first_safe"] else "no safe day"
        )
        safe = "safe" if review["safe"] else "**not safe**"
        yield f"| {review['number']}. {_text(review['name'])} | {review['date'][:10]} | {last} | {safe} |"
    yield ""
    yield from (f"Assumed: {_text(sentence)}.\n" for sentence in head["assumed"])


def _before(head: PlanLine) -> Iterator[str]:
    yield "## Before everything\n"
    yield from _do_it("The plan still holds (exit code 0):", _command("pindrill", "plan", head["plan"]))
    yield from _do_it(
        "A real client behaves as predicted, with each pin set in the field:",
        f"{_command('pindrill', 'rehearse', head['plan'])} -- CLIENT",
    )


def _step(review: PlanLine, files: StepFiles, hosts: Sequence[str], head: PlanLine) -> Iterator[str]:
    yield f"\n## Step {review['number']}, {review['date'][:10]}: {_text(review['name'])}\n"
    yield f"{_DO[review['do']]}. {_safe(review)}\n"
    for phase in ("during", "after"):
        for each in review[phase]:
            if each["status"] != "accepts":
                yield f"- {_text(each['version'])}, {phase}: **{each['status']}**: {_text(each['reason'])}"
    if review["do"] in ("add-root", "remove-root"):
        yield from _of_roots(files, head)
        return
    yield "\n### Do\n"
    yield from _get(files)
    yield from _do_it("Whom it locks out, asked again with the real certificate:", _preflight(files, review, files.new))
    yield "- [ ] Keep the old certificate and its key: they are the way back."
    yield "- [ ] Deploy the new chain to one server, then to the rest.\n"
    yield "### Check\n"
    for host in hosts:
        name = shlex.quote(host)
        show = f"openssl s_client -connect {name}:443 -servername {name} -showcerts </dev/null"
        yield from _do_it(
            f"{_text(host)} shows the new chain, and every version accepts it:",
            f"{show} | sed -n '/BEGIN CERT/,/END CERT/p' >live.pem",
            f"{_preflight(files, review, 'live.pem')} --host {name}",
        )
    yield f"- [ ] Watch refused handshakes and traffic per app version until {_time(review['sessions_until'])}:"
    yield "      until then session tickets may hide a lock-out.\n"
    yield "### Stop when\n"
    yield "- a check above fails, or traffic of one app version falls while others stay;"
    yield f"- the roll-out cannot be finished before {_stop(review)}.\n"
    yield "### Go back\n"
    yield "- [ ] Deploy the old chain with its key again, everywhere."
    yield from (f"- {line}" for line in _back(review["back"]))


def _safe(review: PlanLine) -> str:
    if review["last_safe"]:
        return f"Begin it from {review['first_safe'][:10]} to **{review['last_safe'][:10]}**: {_text(review['limit'])}."
    if review["first_safe"]:
        return f"Begin it from {review['first_safe'][:10]} on: {_text(review['limit'])}."
    return f"**There is no safe day for it: {_text(review['limit'])}.**"


def _of_roots(files: StepFiles, head: PlanLine) -> Iterator[str]:
    yield "\nNothing is deployed: stores of devices change, a few at a time.\n"
    show = _command("openssl", "x509", "-in", files.root, "-noout", "-subject", "-fingerprint")
    yield from _do_it("It is this root:", show)
    yield from _do_it("The plan still holds (exit code 0):", _command("pindrill", "plan", head["plan"]))


def _get(files: StepFiles) -> Iterator[str]:
    if files.chain:
        show = f"openssl crl2pkcs7 -nocrl -certfile {shlex.quote(files.chain)} | openssl pkcs7 -print_certs -noout"
        yield from _do_it("This is the chain:", show)
        return
    if files.key:
        csr = _command("openssl", "req", "-new", "-key", files.key, "-out", "new.csr")
        yield from _do_it("Make a CSR with the new key, and have it certified:", csr)
    elif files.csr:
        yield from _do_it("Have this CSR certified:", _command("openssl", "req", "-in", files.csr, "-noout", "-text"))
    else:
        yield "- [ ] Make a CSR with the **same key**, and have it certified. Most tools make a new key by themselves:"
        yield "      tell yours not to (certbot: `--reuse-key`)."
    yield f"- [ ] Put the certificate and its issuers, the server's own first, into `{files.new}`."


def _preflight(files: StepFiles, review: PlanLine, chain: str) -> str:
    shipped = [part for file in files.pins for part in ("--pins", file)]
    trust = ["--trust", files.trust] if files.trust else []
    words = (*shipped, "--chain", chain, "--current", files.current, *trust, "--at", review["date"])
    return _command("pindrill", "preflight", *words)


def _stop(review: PlanLine) -> str:
    ends = [phase["until"] for phase in review["back"] if phase["status"] == "accepts" and phase["until"]]
    return f"{_time(min(ends))}, when the old chain ceases to be accepted" if ends else "the next step"


def _back(phases: Sequence[PlanLine]) -> Iterator[str]:
    for phase in phases:
        until = f" until {_time(phase['until'])}" if phase["until"] else ""
        if phase["status"] == "accepts":
            yield f"{_text(phase['version'])} accepts the old chain{until}."
        else:
            why = f"{phase['status']}: {_text(phase['reason'])}"
            yield f"**{_text(phase['version'])} does not accept the old chain: {why}.**"


# --- words -----------------------------------------------------------------------------------------------------


def _do_it(what: str, *commands: str) -> Iterator[str]:
    lines = "".join(f"  {command}\n" for command in commands)
    yield f"- [ ] {what}\n\n  ```sh\n{lines}  ```\n"


def _command(*words: str) -> str:
    """On one line, whatever the names hold."""
    return shlex.join(harmless(word) for word in words)


def _text(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", value)


def _time(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]}Z"
