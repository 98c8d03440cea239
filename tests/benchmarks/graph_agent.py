"""What the graph could tell an agent: what it costs, and what it could spare.

    python tests/benchmarks/graph_agent.py ISSUES SESSIONS... \
        --repository astropy/astropy=CLONE [--repository ...]

ISSUES and CLONE are as in graph_location.py; SESSIONS are recorded runs, one JSON
object a line (instance_id and OpenAI chat messages), of which those of the issues'
instances are used. For each run, the location of the issue's text on its base commit
is compared with what the agent did before its first edit. A search turn could have
been spared where a file that the run edits later was among the first five places, and
the turn came before the first that read that file. That is an upper bound: nobody has
run these agents with the graph. Tokens are counted by cl100k_base.
"""

import argparse
import asyncio
import gzip
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import mean, median
from typing import Any

from graph_location import LOG, _facts, _git, _graph
from graph_machine import machine
from litellm import encoding as encoder  # comes with its vocabulary

from openhands_tiered_router.cli.graph_mcp import SHOWN, server
from openhands_tiered_router.graph.git_history import parse_log
from openhands_tiered_router.graph.location.locator import Location, Locator


TOP = 5
EDIT = re.compile(
    r"\bsed -i|<<\s*-?['\"]?\w+|\bapply_patch\b|\bgit apply\b|\bpatch -p"
    r"|write_text\(|open\([^)]*['\"]w|\bstr_replace\b|\binsert\b|\bcreate\b"
)
SEARCH = re.compile(r"\b(?:grep|rg|ag|find|fd|ls|tree|git (?:grep|log|ls-files))\b")
CODE = re.compile(r"[\w./-]+\.(?:py|pyx|c|h|js|rst)\b")


@dataclass(frozen=True)
class Run:
    """One session's turns up to its first edit."""

    turns: int
    before_edit: int
    searches: int
    spared: int
    named: bool
    """Whether a file that it edits was among the first places."""
    context: int
    """Tokens of the places as a text."""
    searched: int
    """Tokens of the calls and results of the turns that could be spared."""


def turns(messages: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield each turn's calls and results as texts."""
    calls, results = "", ""
    for message in messages:
        if message["role"] == "assistant":
            if calls:
                yield calls, results
            found = message.get("tool_calls") or []
            calls = "\n".join(f["function"]["arguments"] for f in found)
            results = ""
        elif message["role"] == "tool":
            results += str(message["content"])
    if calls:
        yield calls, results


def read(session: dict[str, Any], location: Location) -> Run | None:
    """Compare a session with what the graph would have said at its start."""
    steps = list(turns(session["messages"]))
    edits = [n for n, (calls, _) in enumerate(steps) if EDIT.search(calls)]
    first = next((n for n in edits if _edited(steps[n][0])), None)
    if first is None:
        return None
    edited = set().union(*(_edited(steps[n][0]) for n in edits))
    places = [hit.node for hit in location.files[:TOP]]
    hits = [p for p in places if any(e.endswith(p) or p.endswith(e) for e in edited)]
    known = next(
        (n for n, (calls, _) in enumerate(steps) if any(h in calls for h in hits)),
        first,
    )
    searches = [n for n in range(first) if SEARCH.search(steps[n][0])]
    spared = [n for n in searches if hits and n < min(known, first)]
    lines = [*places, *(hit.node for hit in location.definitions[:SHOWN])]
    return Run(
        turns=len(steps),
        before_edit=first,
        searches=len(searches),
        spared=len(spared),
        named=bool(hits),
        context=len(encoder.encode("\n".join(lines))),
        searched=sum(
            len(encoder.encode("".join(steps[n]), disallowed_special=()))
            for n in spared
        ),
    )


def _edited(calls: str) -> set[str]:
    """Return the files that an editing call names, scripts of its own left out."""
    names = {name.lstrip("./") for name in CODE.findall(calls)}
    return {n for n in names if "/" in n and not n.startswith(("tmp/", "/tmp"))}


def locations(
    issues: list[dict[str, Any]], clones: dict[str, list[Path]]
) -> dict[str, Location]:
    """Return where the text of each issue points, on its base commit."""
    facts = cache(_facts)
    found: dict[str, Location] = {}
    for issue in issues:
        commit = issue["base_commit"]
        for clone in clones[issue["repo"]]:
            if _git(clone, "cat-file", "-t", commit):
                locator = Locator()
                graph = _graph(clone, commit, facts)
                locator.update(graph, parse_log(_git(clone, *LOG, commit)))
                found[issue["instance_id"]] = locator.locate(issue["problem_statement"])
                break
    return found


def tools() -> int:
    """Return the tokens that the MCP server's tools add to each request."""
    listed = asyncio.run(server(Path()).list_tools())
    shown = [
        {"name": t.name, "description": t.description, "parameters": t.inputSchema}
        for t in listed
    ]
    return len(encoder.encode(json.dumps(shown)))


def main() -> None:
    """Print what it costs and what it could spare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("issues", type=Path)
    parser.add_argument("sessions", type=Path, nargs="+")
    parser.add_argument("--repository", action="append", required=True)
    options = parser.parse_args()
    clones: dict[str, list[Path]] = defaultdict(list)
    for pair in options.repository:
        name, _, path = pair.partition("=")
        clones[name].append(Path(path))
    sessions = [
        json.loads(line)
        for file in options.sessions
        for line in gzip.open(file, "rt")  # noqa: SIM115
    ]
    wanted = {session["instance_id"] for session in sessions}
    with gzip.open(options.issues, "rt") as lines:
        issues = [json.loads(line) for line in lines]
    issues = [i for i in issues if i["instance_id"] in wanted and i["repo"] in clones]
    found = locations(issues, clones)
    runs = [
        run
        for session in sessions
        if session["instance_id"] in found
        and (run := read(session, found[session["instance_id"]]))
    ]
    print(machine())
    print(f"tokens of the MCP server's tools in each request: {tools()}")
    if not runs:
        sys.exit("no session of these issues edits a file")
    print(f"{len(runs)} runs of {len(found)} issues; means over runs")
    for name in ("turns", "before_edit", "searches", "spared", "context", "searched"):
        values = [getattr(run, name) for run in runs]
        print(f"{name:12} {mean(values):8.1f}   median {median(values):.0f}")
    print(f"named        {sum(run.named for run in runs)} of {len(runs)}")
    print(f"with a turn to spare: {sum(run.spared > 0 for run in runs)} of {len(runs)}")


if __name__ == "__main__":
    main()
