"""How often location ranks the file that a fix changed among the first.

    python tests/benchmarks/graph_location.py ISSUES.jsonl.gz \
        --repository django/django=clones/django [--repository ...] [--no-history] \
        [--characters N]

ISSUES has one JSON object a line: instance_id, repo, base_commit, problem_statement,
gold_patch (read only to score an answer), as SWE-bench gives them. A repository may
be given several times; the first clone that has a commit is used, bare or not.
Every file of the base commit that the graph can parse is indexed; git's history is
read as of that commit. Prints shares with 95 % bootstrap intervals over issues.
"""

import argparse
import gzip
import json
import os
import platform
import random
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from openhands_tiered_router.graph.extract import extract
from openhands_tiered_router.graph.git_history import COMMAND as LOG, History, parse_log
from openhands_tiered_router.graph.languages import language_of
from openhands_tiered_router.graph.location.locator import Location, Locator
from openhands_tiered_router.graph.model import FileFacts, FileRecord
from openhands_tiered_router.graph.snapshot import CodeGraph


LARGEST = 1_000_000
"""Bytes of a file that is read."""


@dataclass(frozen=True)
class Result:
    """One issue's ranks, from 1; None: not ranked."""

    repo: str
    first_file: int | None
    """Best rank of a file of the reference patch."""
    last_file: int | None
    """Worst one; None if any is not ranked."""
    definition: int | None
    """Best rank of a definition that the patch changes."""
    changes_definition: bool
    milliseconds: float
    files: int


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("issues", type=Path)
    parser.add_argument("--repository", action="append", required=True)
    parser.add_argument("--no-history", action="store_true")
    parser.add_argument("--characters", type=int, help="read so much of each issue")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    clones: dict[str, list[Path]] = defaultdict(list)
    for pair in options.repository:
        name, _, path = pair.partition("=")
        clones[name].append(Path(path))
    with gzip.open(options.issues, "rt") as lines:
        issues = [json.loads(line) for line in lines]
    for issue in issues:
        issue["problem_statement"] = issue["problem_statement"][: options.characters]
    jobs = [
        (chunk, clones[repo], not options.no_history)
        for repo in sorted(clones)
        for chunk in _chunks([i for i in issues if i["repo"] == repo], 25)
    ]
    with ProcessPoolExecutor(options.workers) as pool:
        results = [r for found in pool.map(_run, jobs) for r in found]
    _print(results, len(issues), history=not options.no_history)


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    items = sorted(items, key=lambda item: item["instance_id"])
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _run(job: tuple[list[dict[str, Any]], list[Path], bool]) -> list[Result]:
    issues, clones, with_history = job
    read = cache(_facts)
    results = []
    for issue in issues:
        commit = issue["base_commit"]
        clone = next((c for c in clones if _git(c, "cat-file", "-t", commit)), None)
        if clone is None:
            sys.exit(f"no clone of {issue['repo']} has {commit}")
        graph = _graph(clone, commit, read)
        history = parse_log(_git(clone, *LOG, commit)) if with_history else None
        results.append(_score(issue, graph, history or {}))
    return results


def _graph(
    clone: Path, commit: str, read: Callable[[Path, str, str], FileFacts]
) -> CodeGraph:
    records = {}
    for line in _git(clone, "ls-tree", "-r", "-l", "-z", commit).split("\0"):
        head, _, path = line.partition("\t")
        if not path:
            continue
        mode, kind, blob, size = head.split()
        # A clone that lacks the blob says "BAD" for its size.
        if kind != "blob" or mode == "120000" or not size.isdigit():
            continue
        if language_of(path) and int(size) <= LARGEST:
            facts = read(clone, blob, path)
            records[path] = FileRecord(msgspec.structs.replace(facts, path=path))
    return CodeGraph.of(clone, records)


def _facts(clone: Path, blob: str, path: str) -> FileFacts:
    language = language_of(path)
    assert language is not None
    source = subprocess.run(
        ("git", "cat-file", "blob", blob), cwd=clone, capture_output=True, check=True
    ).stdout
    return extract(path, source, language)


def _git(clone: Path, *arguments: str) -> str:
    done = subprocess.run(("git", *arguments), cwd=clone, capture_output=True)
    return done.stdout.decode("utf-8", "replace")


def _score(issue: dict[str, Any], graph: CodeGraph, history: History) -> Result:
    locator = Locator()
    locator.update(graph, history)
    text = issue["problem_statement"]
    locator.locate(text)
    start = time.perf_counter()
    location = locator.locate(text)
    elapsed = time.perf_counter() - start
    changed = _changed_lines(issue["gold_patch"])
    ranks = [_rank(location, "files", path) for path in changed]
    found = [rank for rank in ranks if rank]
    nodes = [n for p, lines in changed.items() for n in _definitions(graph, p, lines)]
    hits = [r for r in (_rank(location, "definitions", n) for n in nodes) if r]
    return Result(
        repo=issue["repo"],
        first_file=min(found, default=None),
        last_file=max(found) if len(found) == len(ranks) else None,
        definition=min(hits, default=None),
        changes_definition=bool(nodes),
        milliseconds=elapsed * 1e3,
        files=len(graph.files),
    )


def _changed_lines(patch: str) -> dict[str, list[int]]:
    """Return the lines of the old files that a patch removes or inserts after."""
    lines: dict[str, list[int]] = defaultdict(list)
    path, number = "", 0
    for line in patch.splitlines():
        if match := re.match(r"--- a/(\S+)", line):
            path = match[1]
            lines[path] = []
        elif match := re.match(r"@@ -(\d+)", line):
            number = int(match[1])
        elif line.startswith("-") and not line.startswith("---"):
            lines[path].append(number)
            number += 1
        elif line.startswith("+") and not line.startswith("+++"):
            lines[path].append(number - 1)
        elif line.startswith(" "):
            number += 1
    return lines


def _definitions(graph: CodeGraph, path: str, lines: list[int]) -> list[str]:
    """Return the innermost definitions around some lines."""
    facts = graph.facts(path)
    nodes = []
    for line in lines:
        around = [
            number
            for number, d in enumerate(facts.definitions if facts else ())
            if d.start_line <= line <= d.end_line
        ]
        if facts and around:
            nodes.append(facts.node_id(around[-1]))
    return nodes


def _rank(location: Location, part: str, node: str) -> int | None:
    hits = [hit.node for hit in getattr(location, part)]
    return hits.index(node) + 1 if node in hits else None


def _print(results: list[Result], total: int, *, history: bool) -> None:
    print(f"{platform.platform()}, Python {platform.python_version()}, ", end="")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{len(results)} of {total} issues, git history {'on' if history else 'off'}")
    _line("a file of the patch", [r.first_file for r in results])
    _line("every file of the patch", [r.last_file for r in results])
    chosen = [r.definition for r in results if r.changes_definition]
    _line(f"a definition of it ({len(chosen)})", chosen)
    for repo in sorted({r.repo for r in results}):
        ranks = [r.first_file for r in results if r.repo == repo]
        _line(f"  {repo} ({len(ranks)})", ranks)
    times = sorted(r.milliseconds for r in results)
    files = sorted(r.files for r in results)
    print(
        f"locate: median {median(times):.2f} ms, p90 {times[int(0.9 * len(times))]:.2f}"
        f" ms, on {files[0]:,} to {files[-1]:,} files; whole issue texts"
    )


def _line(name: str, ranks: Sequence[int | None]) -> None:
    cells = []
    for top in (1, 5, 10):
        hits = [rank is not None and rank <= top for rank in ranks]
        low, high = _interval(hits)
        share = 100 * sum(hits) / len(hits)
        cells.append(f"top {top:2}: {share:5.1f} % [{low:.0f}, {high:.0f}]")
    print(f"{name:32}", "   ".join(cells))


def _interval(hits: list[bool]) -> tuple[float, float]:
    dice = random.Random(0)
    shares = sorted(
        100 * sum(dice.choices(hits, k=len(hits))) / len(hits) for _ in range(1_000)
    )
    return shares[25], shares[975]


if __name__ == "__main__":
    main()
