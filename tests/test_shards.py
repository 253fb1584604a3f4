"""Parts of a drill, and what they are joined to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import CURL, UNPINNED_CURL, Pindrill, Ran, read_lines

ONLY = ("BL1", "BL6", "IN5", "RO2")


def part(pindrill: Pindrill, index: int, of: int, client: tuple[str, ...] = CURL) -> Path:
    pindrill.json = pindrill.directory / f"part-{index}.jsonl"
    pindrill.drill(client, "--shard", f"{index}/{of}", only=ONLY)
    return pindrill.json


def keys(path: Path) -> list[tuple[str, ...]]:
    return [(line["scenario"], line["strategy"], line["tls"]) for line in read_lines(path)]


def merged(pindrill: Pindrill, *arguments: str) -> Ran:
    pindrill.json = pindrill.directory / "whole.jsonl"
    return pindrill.call("merge", *arguments, "--json", str(pindrill.json))


def test_the_parts_are_the_whole_and_do_not_overlap(pindrill: Pindrill) -> None:
    pindrill.drill(CURL, only=ONLY)
    whole = keys(pindrill.json)
    parts = [part(pindrill, index, 3) for index in (1, 2, 3)]
    assert all(keys(each) for each in parts)
    assert sorted(key for each in parts for key in keys(each)) == sorted(whole)
    ran = merged(pindrill, *map(str, parts))
    assert (ran.code, ran.err) == (0, "")
    assert sorted(keys(pindrill.json)) == sorted(whole)
    assert "7 cells: 7 pass" in ran.out
    assert not any("shard" in line for line in ran.results)


def test_a_violation_in_any_part_is_one_of_the_whole(pindrill: Pindrill) -> None:
    parts = [part(pindrill, 1, 2), part(pindrill, 2, 2, UNPINNED_CURL)]
    assert merged(pindrill, *map(str, parts)).code == 1


def test_a_missing_part_is_no_success(pindrill: Pindrill) -> None:
    ran = merged(pindrill, str(part(pindrill, 1, 3)), str(part(pindrill, 3, 3)))
    assert ran.code == 3
    assert "curl: no line of shard 2/3" in ran.err


def test_parts_of_different_runs_are_told(pindrill: Pindrill) -> None:
    ran = merged(pindrill, str(part(pindrill, 1, 2)), str(part(pindrill, 3, 3)))
    assert ran.code == 2
    assert "curl: parts of 2 and of 3 are of different runs" in ran.err


def test_stale_deviations_are_told_by_the_whole_only(pindrill: Pindrill) -> None:
    client = pindrill.directory / "client.toml"
    client.write_text(
        f"""
        name = "app"
        driver = "command"
        command = {json.dumps(list(UNPINNED_CURL))}
        [semantics]
        [[known]]
        scenarios = ["interception/*"]
        verdict = "fail-open"
        reason = "known"
        [[known]]
        scenarios = ["baseline/trusted-ca-unpinned-key"]
        verdict = "outage"
        reason = "long gone"
        """
    )
    parts = []
    for index in (1, 2):
        parts.append(str(pindrill.directory / f"part-{index}.jsonl"))
        chosen = [word for code in ("BL6", "IN5") for word in ("--only", code)]
        ran = pindrill.run(
            "drill", *chosen, "--client", str(client), "--shard", f"{index}/2", "--json", parts[-1], "--tls", "1.3"
        )
        assert "Stale" not in ran.out
    assert "Stale" not in merged(pindrill, *parts).out
    ran = merged(pindrill, *parts, "--client", str(client))
    assert "Stale: app: baseline/trusted-ca-unpinned-key is listed as a known outage" in ran.out
    assert "interception" not in ran.out.partition("Stale:")[2].partition("\n")[0]
    assert ran.code == 1


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "1/0", "a/b", "-1/2", "1/2/3"])
def test_a_bad_shard_is_a_usage_error(pindrill: Pindrill, shard: str) -> None:
    ran = pindrill.call("drill", "--shard", shard, "--", *CURL)
    assert ran.code == 2
    assert "--shard is I/N" in ran.err


def test_the_whole_is_not_written_over_a_part(pindrill: Pindrill) -> None:
    path = pindrill.directory / "whole.jsonl"
    path.write_text("")
    ran = merged(pindrill, str(path))
    assert ran.code == 2
    assert "is one of the parts" in ran.err
