"""The terminal report: a matrix client x scenario, then what is wrong, where, and how to see it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace
from pindrill.model import PRECEDENCE, UNJUDGED, VIOLATIONS, VerdictWord
from pindrill.reports.plain import BAR, common_name, harmless, moment
from pindrill.reports.run import Run
from pindrill.reports.tame import harmless_line
from pindrill.reports.terminal import say, say_command
from pindrill.reports.words import MARK, MEANING, style
from pindrill.results.line import KnownReason, ResultLine, RunResult, ServedCertificate
from rich.console import Console
from rich.table import Table
from rich.text import Text

_ROW_LABEL, _COLUMN = 53, 9
_LABEL = 12
_MAX_SHOWN_RUNS = 2


def render(run: Run) -> str:
    """The stages of violations only are told: 100,000 lines with all of theirs do not fit into memory."""
    told = [line if line.verdict in VIOLATIONS else replace(line, stages=()) for line in run.lines]
    console = Console(width=None if run.terminal else 120, force_terminal=run.terminal)
    with console.capture() as captured:
        print_report(console, told, (), False)
    return captured.get()


def print_report(console: Console, lines: Sequence[ResultLine], stale: Sequence[str], interrupted: bool) -> None:
    lines = [harmless_line(line) for line in lines]
    if lines:
        _print_matrix(console, lines)
    failing = [line for line in lines if line.verdict in VIOLATIONS]
    _print_unsupported(console, lines)
    _print_vacuous(console, lines)
    _print_grouped(console, "Not judged", [x for x in lines if x.verdict in UNJUDGED])
    _print_known(console, failing)
    unlisted = sorted((line for line in failing if not line.known), key=lambda line: line.client)
    for group in _same_story(unlisted):
        _print_failure(console, group)
    for gap in dict.fromkeys(gap for line in lines for gap in line.unwatched):
        say(console, Text(f"Not watched for downgrades: {gap}", style="bold yellow"))
    for text in stale:
        say(console, Text(f"Stale: {harmless(text)}", style="bold red"))
    say(console, _summary(lines, interrupted))


def print_cells(console: Console, lines: Sequence[ResultLine]) -> None:
    """The stories alone, without matrix and summary: for a cell that is told on its own."""
    lines = [harmless_line(line) for line in lines]
    _print_grouped(console, "Not judged", [x for x in lines if x.verdict in UNJUDGED])
    for group in _same_story([line for line in lines if line.verdict in VIOLATIONS]):
        _print_failure(console, group)


def _summary(lines: Sequence[ResultLine], interrupted: bool) -> Text:
    counts = {word: sum(line.verdict == word for line in lines) for word in PRECEDENCE}
    vacuous = sum(line.verdict is VerdictWord.PASS and bool(line.vacuous) for line in lines)
    counts[VerdictWord.PASS] -= vacuous
    parts = [f"{count} {word}" for word, count in counts.items() if count]
    parts += [f"{vacuous} vacuous"] if vacuous else []
    known = sum(bool(line.known) for line in lines)
    text = Text(f"{len(lines)} cells: {', '.join(parts) or 'none was run'}")
    if known:
        text.append(f" ({known} known)")
    if interrupted:
        text.append("; interrupted: the cells above are finished, the others were not run", style="bold yellow")
    return text


def _print_vacuous(console: Console, lines: Sequence[ResultLine]) -> None:
    """Passes in which nothing was tried (T17)."""
    untried: dict[tuple[str, str], dict[str, None]] = {}
    for line in lines:
        if line.verdict is VerdictWord.PASS and line.vacuous:
            untried.setdefault((line.client, line.vacuous), {})[line.code] = None
    for (client, why), codes in untried.items():
        say(console, Text(f"Vacuous      {client}: {' '.join(codes)}: {why}", style="dim"))


# --- matrix ----------------------------------------------------------------------------------------------------


def _print_matrix(console: Console, lines: Sequence[ResultLine]) -> None:
    every = list(dict.fromkeys((line.client, line.strategy) for line in lines))
    some = {(x.client, x.strategy) for x in lines if x.verdict != VerdictWord.UNSUPPORTED}
    able = {client for client, _ in some}
    columns = [column for column in every if column in some or column[0] not in able]
    rows = list(dict.fromkeys((line.scenario, line.code) for line in lines))
    cells: dict[tuple[Any, ...], list[ResultLine]] = {}
    for line in lines:
        cells.setdefault((line.scenario, line.client, line.strategy), []).append(line)
    fitting = max(1, (console.width - len(BAR) - _ROW_LABEL) // (_COLUMN + 1))
    for start in range(0, len(columns), fitting):
        shown = columns[start : start + fitting]
        table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
        table.add_column("", width=_ROW_LABEL - 1, no_wrap=True)
        one_strategy = len({strategy for _, strategy in shown}) == 1
        for client, strategy in shown:
            title = Text(client if one_strategy else f"{client}\n{strategy}")
            table.add_column(title, width=_COLUMN, overflow="fold")
        for scenario, code in rows:
            marks = [_mark(cells.get((scenario, *column), ())) for column in shown]
            table.add_row(Text(f"{code:5}{scenario.partition('/')[2]}"), *marks)
        say(console, table)
        if one_strategy and shown[0][1] != "-":
            say(console, Text(f"Pin strategy: {shown[0][1]}", style="dim"))
        say(console)
    present = {line.verdict for line in lines}
    for word in PRECEDENCE:
        if word in present:
            say(console, Text.assemble((f"{MARK[word]:6}", style(word)), f"{word}: {MEANING[word]}"))
    if any(line.known for line in lines):
        say(console, "*     known deviation of this client, listed below")
    say(console)


def _mark(lines: Iterable[ResultLine]) -> Text:
    """One mark when both TLS versions agree, else `1.2:… 1.3:…`."""
    worst: dict[str, tuple[VerdictWord, bool]] = {}
    for line in lines:
        word = line.verdict
        before = worst.get(line.tls)
        if before is None or PRECEDENCE.index(word) < PRECEDENCE.index(before[0]):
            worst[line.tls] = (word, bool(line.known))
    if not worst:
        return Text("")
    if len(set(worst.values())) == 1:
        word, known = next(iter(worst.values()))
        return Text(MARK[word] + ("*" if known else ""), style=style(word, known))
    text = Text()
    for tls in sorted(worst):
        word, known = worst[tls]
        text.append(f"{MARK[word]}{'*' if known else ''}", style=style(word, known))
        text.append("/" if tls == min(worst) else "", style="dim")
    return text


# --- what is wrong ---------------------------------------------------------------------------------------------


def _same_story(lines: Sequence[ResultLine]) -> list[list[ResultLine]]:
    """Cells that differ only by the TLS version are told once, if they say the same."""
    groups: dict[tuple[str, ...], list[ResultLine]] = {}
    for line in lines:
        key = (line.client, line.scenario, line.strategy, line.verdict)
        groups.setdefault(key, []).append(line)
    return list(groups.values())


def _print_failure(console: Console, group: Sequence[ResultLine]) -> None:
    line = group[0]
    word = line.verdict
    versions = " and ".join(sorted({each.tls for each in group}))
    strategy = f", {line.strategy}" if line.strategy != "-" else ""
    say(
        console,
        Text.assemble(
            (f"{word}", style(word)),
            f"  {line.client}: {line.code} {line.scenario}{strategy}, TLS {versions}",
        ),
    )
    _field(console, "What it is", line.summary)
    for number, stage in enumerate(line.stages, start=1):
        title = "Served" if len(line.stages) == 1 else f"Stage {number}"
        _field(console, title, f"must be: {stage.expected} ({stage.because})")
        for text in chain_drawing(stage.served):
            _field(console, "", text)
        if stage.pins is not None:
            _field(console, "Pinned", ", ".join(f"sha256/{value}" for value in stage.pins) or "an empty set")
        for run in stage.runs[:_MAX_SHOWN_RUNS]:
            for text in _seen(run):
                _field(console, "Seen", text)
    _field(console, "Wrong", line.reason)
    _field(console, "Catches", line.catches)
    for repeat in dict.fromkeys(each.repeat for each in group):
        say_command(console, repeat, _LABEL)
    say(console)


def chain_drawing(served: Sequence[ServedCertificate]) -> list[str]:
    """The list presented, one certificate a line, as `subject <- issuer`."""
    texts = []
    for depth, certificate in enumerate(served):
        issuer = common_name(certificate.issuer)
        pinned = "  [PINNED]" if certificate.pinned else ""
        texts.append(
            f"{'  ' * min(depth, 4)}{certificate.subject} <- {issuer}"
            f"  (until {moment(certificate.not_after)}, sha256/{certificate.spki_sha256}){pinned}"
        )
    return texts


def _seen(run: RunResult) -> list[str]:
    report = run.report
    texts = [f"connection {o.number} {o.story}" for o in run.observations] or ["no connection"]
    texts += [f"elsewhere ({s.where}): {s.observation.request_line or 'the secret'}" for s in run.strays]
    said = f"the client: {report.said}" + (f" ({report.detail})" if report.detail else "")
    return [*texts, said + (", the canary came out of it" if report.canary_out else "")]


def _print_grouped(console: Console, title: str, lines: Sequence[ResultLine]) -> None:
    groups: dict[tuple[str, VerdictWord, str], list[ResultLine]] = {}
    for line in lines:
        groups.setdefault((line.client, line.verdict, line.reason), []).append(line)
    for (client, word, reason), group in groups.items():
        known = next((line.known for line in group if line.known), None)
        names = ", ".join(dict.fromkeys(f"{line.code} {line.scenario.partition('/')[2]}" for line in group))
        say(console, Text.assemble((str(word), style(word)), f"  {client}: {len(group)} cells, {title.lower()}"))
        _field(console, "Because", reason)
        _field(console, "Cells", names)
        if known:
            _field(console, "Known", known.reason)
        else:
            say_command(console, group[0].repeat, _LABEL)
        say(console)


def _print_known(console: Console, lines: Sequence[ResultLine]) -> None:
    groups: dict[tuple[str, VerdictWord, str], tuple[KnownReason, list[ResultLine]]] = {}
    for line in lines:
        if line.known:
            key = (line.client, line.verdict, line.known.reason)
            groups.setdefault(key, (line.known, []))[1].append(line)
    for (client, word, reason), (known, group) in groups.items():
        names = ", ".join(dict.fromkeys(f"{line.code} {line.scenario.partition('/')[2]}" for line in group))
        version = f" ({group[0].client_version})" if group[0].client_version else ""
        say(console, Text.assemble((f"{word}*", style(word, known=True)), f"  {client}{version}, known: {names}"))
        _field(console, "Because", reason)
        if known.source:
            _field(console, "Source", known.source)
        say_command(console, group[0].repeat, _LABEL)
        say(console)


def _print_unsupported(console: Console, lines: Sequence[ResultLine]) -> None:
    groups: dict[tuple[str, str], set[str]] = {}
    everywhere = {(line.client, line.code) for line in lines}
    for line in lines:
        if line.verdict == VerdictWord.UNSUPPORTED:
            groups.setdefault((line.client, line.reason), set()).add(line.code)
    for (client, reason), codes in groups.items():
        whole = len(codes) == sum(name == client for name, _ in everywhere)
        which = "all scenarios" if whole else ", ".join(sorted(codes))
        say(console, Text(f"unsupported  {client}: {reason} ({which})", style="dim"))
    if groups:
        say(console)


def _field(console: Console, name: str, text: str) -> None:
    row = Table.grid(padding=(0, 1))
    row.add_column(width=_LABEL, justify="right", style="bold")
    row.add_column(overflow="fold")
    row.add_row(Text(name), Text(text))
    say(console, row)
