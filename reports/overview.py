"""What a whole run comes to: is it safe, what broke, what is to be done. Pure; shared by HTML, Markdown and CI."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pindrill.model import LEAKS, PRECEDENCE, UNJUDGED, VIOLATIONS, VerdictWord
from pindrill.reports.plain import counted, harmless
from pindrill.results.line import ResultLine

GroupState = Literal["broken", "unclear", "known", "held", "empty"]


@dataclass
class Problem:
    """Cells of one client and scenario with the same verdict; they differ by TLS version, strategy or round."""

    verdict: VerdictWord
    client: str
    scenario: str
    code: str
    strategy: str
    reason: str
    summary: str
    catches: str
    repeat: str
    known: str
    """Why it is a known deviation; empty: it is none."""
    first: int
    """The place of its first cell in the run."""
    versions: list[str] = field(default_factory=list)
    cells: int = 0


@dataclass(frozen=True, kw_only=True)
class Overview:
    cells: int
    clients: Mapping[str, str]
    """Their version lines, by name."""
    scenarios: int
    pindrill: tuple[str, ...]
    counts: Mapping[VerdictWord, int]
    """In the order of precedence; known deviations are counted as well."""
    known_cells: int
    vacuous: int
    """Passes in which nothing was tried, which are counted in `counts` as well."""
    judged: int
    problems: Sequence[Problem]
    """Violations that are not known, the worst first."""
    unjudged: Sequence[Problem]
    known: Sequence[Problem]
    unwatched: Sequence[str]
    """Where a request in plain text could have gone without being seen."""
    unable: Sequence[str]
    """Which client could not be run under which strategy, and why, in its own words where it said so."""

    @property
    def state(self) -> GroupState:
        if self.problems:
            return "broken"
        if self.unjudged or not self.judged:
            return "unclear" if self.cells else "empty"
        return "known" if self.known else "held"

    @property
    def leaking(self) -> list[str]:
        return _clients(each for each in self.problems if each.verdict in LEAKS)

    @property
    def misreporting(self) -> list[str]:
        return _clients(each for each in self.problems if each.verdict is VerdictWord.FALSE_SUCCESS)

    @property
    def locked_out(self) -> list[str]:
        outages = (VerdictWord.OUTAGE, VerdictWord.OUTAGE_DEFERRED)
        return _clients(each for each in self.problems if each.verdict in outages)

    @property
    def headline(self) -> str:
        if self.leaking:
            return f"Not safe: {self._of_all(self.leaking, 'lets', 'let')} data out"
        if self.misreporting:
            return f"Not safe: {self._of_all(self.misreporting, 'reports', 'report')} success after a refusal"
        if self.locked_out:
            return f"Not ready: {self._of_all(self.locked_out, 'refuses', 'refuse')} a server that must be accepted"
        if self.state == "unclear" and not self.judged:
            return "Unclear: nothing could be judged"
        return {
            "unclear": "Unclear: no violation was seen, but not everything could be judged",
            "known": "As expected: nothing but known deviations",
            "held": "Held: every judged cell did what a correct client does",
            "empty": "Nothing was run",
        }[self.state]

    def _of_all(self, clients: Sequence[str], one: str, many: str) -> str:
        return f"{len(clients):,} of {counted(len(self.clients), 'client')} {one if len(clients) == 1 else many}"

    @property
    def sentence(self) -> str:
        clients, cells = counted(len(self.clients), "client"), counted(self.cells, "cell")
        counts = {word: count - self.vacuous * (word is VerdictWord.PASS) for word, count in self.counts.items()}
        parts = [f"{count:,} {word}" for word, count in counts.items() if count]
        parts += [f"{self.vacuous:,} vacuous (a pass in which nothing was tried)"] if self.vacuous else []
        known = f" ({self.known_cells:,} of them known deviations)" if self.known_cells else ""
        return f"{clients}, {counted(self.scenarios, 'scenario')}, {cells}: {', '.join(parts) or 'none'}{known}."


def overview(lines: Iterable[ResultLine]) -> Overview:
    counts: Counter[VerdictWord] = Counter()
    clients: dict[str, str] = {}
    scenarios: set[str] = set()
    versions: dict[str, None] = {}
    unwatched: dict[str, None] = {}
    refused: dict[tuple[str, str], str] = {}
    groups: dict[tuple[Any, ...], Problem] = {}
    cells = known_cells = vacuous = 0
    for place, line in enumerate(lines):
        word = line.verdict
        cells += 1
        counts[word] += 1
        known_cells += bool(line.known)
        vacuous += word is VerdictWord.PASS and bool(line.vacuous)
        clients.setdefault(harmless(line.client), harmless(line.client_version))
        scenarios.add(line.scenario)
        versions[harmless(line.pindrill)] = None
        unwatched.update(dict.fromkeys(harmless(line.unwatched)))
        if line.strategy != "-":
            subject = harmless(line.client), line.strategy
            why = harmless(line.reason) if word is VerdictWord.UNSUPPORTED else ""
            refused[subject] = why and refused.get(subject, why)
        if word in VIOLATIONS or word in UNJUDGED:
            _add(groups, line, word, place)
    order = sorted(groups.values(), key=lambda each: (PRECEDENCE.index(each.verdict), each.first))
    return Overview(
        cells=cells,
        clients=clients,
        scenarios=len(scenarios),
        pindrill=tuple(versions),
        counts={word: counts[word] for word in PRECEDENCE if counts[word]},
        known_cells=known_cells,
        vacuous=vacuous,
        judged=cells - sum(counts[word] for word in (*UNJUDGED, VerdictWord.UNSUPPORTED, VerdictWord.REPORTED)),
        problems=[each for each in order if each.verdict in VIOLATIONS and not each.known],
        unjudged=[each for each in order if each.verdict in UNJUDGED and not each.known],
        known=[each for each in order if each.known],
        unwatched=list(unwatched),
        unable=[f"{client}: {why}" for (client, _), why in refused.items() if why],
    )


def _add(groups: dict[tuple[Any, ...], Problem], line: ResultLine, word: VerdictWord, place: int) -> None:
    known = line.known.reason if line.known else ""
    key = (line.client, line.scenario, line.strategy, word, known)
    problem = groups.get(key)
    if problem is None:
        texts = {
            name: harmless(getattr(line, name))
            for name in ("client", "scenario", "code", "strategy", "reason", "summary", "catches", "repeat")
        }
        problem = groups[key] = Problem(
            verdict=word,
            known=harmless(known),
            first=place,
            **texts,
        )
    problem.cells += 1
    if (tls := harmless(line.tls)) not in problem.versions:
        problem.versions.append(tls)


def _clients(problems: Iterable[Problem]) -> list[str]:
    return list(dict.fromkeys(each.client for each in problems))


@dataclass(frozen=True, kw_only=True)
class ClientProblems:
    """One client's problems with one verdict: what a reader is told at first."""

    client: str
    version: str
    verdict: VerdictWord
    problems: Sequence[Problem]

    @property
    def cells(self) -> int:
        return sum(each.cells for each in self.problems)


def by_client(problems: Sequence[Problem], clients: Mapping[str, str]) -> list[ClientProblems]:
    """The worst first, as the problems are."""
    groups: dict[tuple[str, VerdictWord], list[Problem]] = {}
    for each in problems:
        groups.setdefault((each.client, each.verdict), []).append(each)
    return [
        ClientProblems(client=client, version=clients.get(client, ""), verdict=verdict, problems=group)
        for (client, verdict), group in groups.items()
    ]
