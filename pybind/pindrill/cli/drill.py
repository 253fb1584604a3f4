"""`pindrill drill`."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pindrill.cli.options import ClientWords, JunitFile, takes
from pindrill.drills.asked import read_scenarios, read_shard, read_strategies, read_versions, refuse_nothing
from pindrill.drills.options import PROXY_KINDS, DrillOptions
from pindrill.drills.place import enter_place
from pindrill.drills.subjects import read_subjects, refuse_strategies_without_pins
from pindrill.interruption import Started
from pindrill.keyring import Keyring
from pindrill.machine.outputs import refuse_unwritable
from pindrill.mitm.via import read_via
from pindrill.model import UsageError


@dataclass(frozen=True, kw_only=True)
class DrillWords:
    how: ClientWords
    client: Annotated[list[Path] | None, typer.Option(help="A client file (client.toml); repeatable.")] = None
    directory: Annotated[Path | None, typer.Option(help="Run the command there; its relative paths start from it.")] = (
        None
    )
    only: Annotated[list[str] | None, typer.Option(help="Scenario id, short code or glob; repeatable.")] = None
    strategy: Annotated[list[str] | None, typer.Option(help="Pin strategy, or `all`; repeatable.")] = None
    pinned: Annotated[str | None, typer.Option(help="What is compiled into the client: a strategy, or `none`.")] = None
    keyring: Annotated[Path | None, typer.Option(help="Kept keys; made by `pindrill keyring create`.")] = None
    respond: Annotated[Path | None, typer.Option(help="The answer to give: head lines, empty line, body.")] = None
    which: Annotated[str, typer.Option("--set", help="all or core.")] = "all"
    exit_code: Annotated[str, typer.Option(help="`ignore` for wrappers that always say 0.")] = "judge"
    jobs: Annotated[int, typer.Option(help="Cells at once. Default: one per core.")] = 0
    repeat: Annotated[int, typer.Option(help="Run every cell so many times.")] = 1
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="Run the I-th of N parts; `pindrill merge` joins their --json files.")
    ] = "1/1"
    json_file: Annotated[Path | None, typer.Option("--json", help="Write results here, a JSON line a cell.")] = None
    junit_file: JunitFile = None
    resume: Annotated[bool, typer.Option("--resume", help="Keep the finished cells of the --json file.")] = False
    key_log: Annotated[Path | None, typer.Option(help="Append TLS secrets here, for Wireshark.")] = None
    via: Annotated[str | None, typer.Option(help="`mitmproxy`: it shows the credentials; judged as ever.")] = None
    through: Annotated[
        str | None, typer.Option(help="connect, socks or https: the client is told a proxy of ours in its environment.")
    ] = None
    mitmdump: Annotated[Path | None, typer.Option(help="The mitmdump to use with --via mitmproxy.")] = None

    def asked(self) -> DrillOptions:
        """UsageError says what does not go together."""
        deadline = self.how.deadline
        if not 0 < deadline < math.inf or self.repeat < 1 or self.jobs < 0:
            raise UsageError("--deadline is a number above 0, --repeat at least 1, --jobs at least 0")
        if self.resume and not self.json_file:
            raise UsageError("--resume needs the file to go on with: --json FILE")
        if self.exit_code not in ("judge", "ignore"):
            raise UsageError(f"--exit-code is judge or ignore, not '{self.exit_code}'")
        if read_via(self.via, self.mitmdump) and self.key_log:
            raise UsageError(
                "--key-log is for our own servers; mitmproxy writes one when MITMPROXY_SSLKEYLOGFILE is set"
            )
        if self.through is not None and self.through not in PROXY_KINDS:
            raise UsageError(f"--through is {', '.join(PROXY_KINDS)}, not '{self.through}'")
        if self.through and self.via:
            raise UsageError("--through is a proxy on the way to our own servers: without --via")
        return DrillOptions(
            scenarios=read_scenarios(self.only, self.which),
            strategies=read_strategies(self.strategy),
            versions=read_versions(self.how.tls),
            pinned=self.pinned,
            keyring=self.keyring,
            semantics=self.how.semantics,
            deadline_s=deadline,
            jobs=self.jobs or os.cpu_count() or 1,
            rounds=self.repeat,
            shard=read_shard(self.shard),
            key_log=self.key_log,
            edit_hosts=self.how.edit_hosts,
            through=self.through,
        )


@takes(DrillWords)
def drill(words: DrillWords) -> None:
    """Rehearse interception and rotation on a client, and say what it did, with evidence."""
    asked = words.asked()
    given = words.how.given(respond=words.respond, ignore_exit_code=words.exit_code == "ignore")
    subjects = read_subjects(words.how.command or [], words.client or [], words.how.adapter, given, words.directory)
    refuse_strategies_without_pins(subjects, asked.strategies, asked.pinned, asked.keyring)
    if words.junit_file:
        refuse_unwritable(words.junit_file)
    if asked.key_log:
        refuse_unwritable(asked.key_log, mode=0o600)
    refuse_nothing(asked.scenarios, asked.pinned_strategies, asked.versions)
    with Started() as started:
        if asked.keyring:
            # What is wrong with it is said before this program starts itself again.
            Keyring.open_to_drill(asked.keyring)
        place = enter_place(subjects, asked.edit_hosts, started)
        # Only now, since this program has started itself again: most of it is not needed before.
        from pindrill.drills.reported import Outputs, drill_and_report  # noqa: PLC0415

        outputs = Outputs(json=words.json_file, junit=words.junit_file, resume=words.resume)
        mitmproxy = read_via(words.via, words.mitmdump)
        code = drill_and_report(subjects, asked, place, outputs, via_mitmproxy=mitmproxy, mitmdump=words.mitmdump)
    raise typer.Exit(code)
