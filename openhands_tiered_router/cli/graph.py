"""``tiered-router graph``: build and ask the code graph of a workspace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec import to_builtins

from openhands_tiered_router.cli import graph_questions as questions
from openhands_tiered_router.cli.graph_common import (
    NOTHING,
    common,
    echo_json,
    limited,
    open_graph,
    table,
    unknown,
)
from openhands_tiered_router.cli.graph_mcp import mcp
from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from openhands_tiered_router.graph.snapshot import CodeGraph

_EPILOG: Final = """\b
Examples:
  tiered-router graph build
  tiered-router graph where "Crash when a form field has no label"
  tiered-router graph impact src/app/models.py:User.save
  tiered-router graph impact --diff main
  tiered-router graph tests src/app/models.py
  tiered-router graph callers src/app/models.py:User.save
  tiered-router graph path src/app/web.py src/app/models.py:User.save
  tiered-router graph view -o graph.html
  tiered-router graph mcp

\b
Exit code:  0  answered
            1  there is no answer: nothing found, or no such file or symbol
            2  the command line cannot be understood
"""


@click.group(name="graph", epilog=_EPILOG)
def command() -> None:
    """Build and ask the code graph of a workspace.

    The graph is kept in the user's cache directory, never in the workspace, and
    every command brings it up to date first.
    """


for question in (
    questions.impact,
    questions.tests,
    questions.callers,
    questions.callees,
    questions.path,
    mcp,
):
    command.add_command(question)


@command.command()
@common
@click.option("--fresh", is_flag=True, help="Read every file, whatever is cached.")
def build(root: Path, as_json: bool, fresh: bool) -> None:
    """Build the graph, or bring it up to date."""
    from time import perf_counter

    start = perf_counter()
    graph = open_graph(root, fresh=fresh)
    seconds = perf_counter() - start
    answer = {
        "workspace": str(graph.root),
        "files": len(graph.files),
        "definitions": sum(file.definitions for file in graph.files.values()),
        "file_edges": sum(len(links) for links in graph.links.values()),
        "skipped": dict(sorted(graph.skipped.items())),
        "missing_grammars": sorted(graph.missing_grammars),
        "seconds": round(seconds, 3),
    }
    if as_json:
        echo_json(answer)
        return
    click.echo(
        f"{counted(answer['files'], 'file')}, "
        f"{counted(answer['definitions'], 'definition')} and "
        f"{counted(answer['file_edges'], 'edge')} between files in {seconds:.2f} s"
    )
    for reason, count in answer["skipped"].items():
        click.echo(f"  left out: {count:,} ({reason})")
    if graph.missing_grammars:
        names = ", ".join(answer["missing_grammars"])
        click.echo(f"  no grammar for {names}: install the extra `languages`", err=True)


@command.command()
@common
@limited(12)
def stats(root: Path, as_json: bool, limit: int) -> None:
    """Sum up the graph: languages, hubs, communities.

    Hubs are the files that most others depend on, tests aside.
    """
    from openhands_tiered_router.graph.measures import measure

    graph = open_graph(root)
    measures = measure(graph)
    answer = {
        "files": len(graph.files),
        "tests": sum(file.is_test for file in graph.files.values()),
        "definitions": sum(file.definitions for file in graph.files.values()),
        "file_edges": sum(len(links) for links in graph.links.values()),
        "languages": _languages(graph),
        "deepest_chain": max((m.depth for m in measures.files.values()), default=0),
        "hubs": [
            {"path": path, "in_degree": measures.files[path].in_degree}
            for path in measures.hubs
        ],
        "communities": [
            {"name": c.name, "files": len(c.files), "cohesion": round(c.cohesion, 3)}
            for c in measures.communities
        ],
    }
    if as_json:
        echo_json(answer)
        return
    click.echo(
        f"{counted(answer['files'], 'file')} ({answer['tests']:,} of them tests), "
        f"{counted(answer['definitions'], 'definition')}, "
        f"{counted(answer['file_edges'], 'edge')}\n"
        f"longest chain of dependencies {answer['deepest_chain']}"
    )
    table("Languages", ("language", "files"), list(answer["languages"].items()), limit)
    rows = [tuple(hub.values()) for hub in answer["hubs"]]
    table("Hubs", ("file", "dependents"), rows, limit)
    rows = [tuple(group.values()) for group in answer["communities"]]
    table("Communities", ("mostly in", "files", "cohesion"), rows, limit)


@command.command()
@common
@limited(10)
@click.argument("text")
@click.pass_context
def where(
    context: click.Context, root: Path, as_json: bool, limit: int, text: str
) -> None:
    """Rank files and definitions for a text.

    TEXT is a request, an issue or an error message; - reads it from standard input.
    """
    from openhands_tiered_router.graph.where import where as located

    if text == "-":
        text = sys.stdin.read()
    found = located(root, text, build=open_graph)
    if as_json:
        answer = to_builtins(found)
        for part in ("files", "definitions"):
            answer[part] = answer[part][:limit]
        echo_json(answer)
    elif found.files:
        for name, hits in (("file", found.files), ("definition", found.definitions)):
            rows = [(hit.node, f"{hit.score:.1f}") for hit in hits]
            table(f"{name.title()}s", (name, "score"), rows, limit)
        clear = found.file_ambiguity
        click.echo(
            f"\nThe fifth file has {clear.fifth_to_first:.2f} of the first's score, "
            f"{counted(clear.candidates, 'file')} half of it or more."
        )
    if not found.files:
        click.echo("nothing in this workspace shares a word with the text", err=True)
        context.exit(NOTHING)


@command.command()
@common
@click.option("--format", "form", type=click.Choice(("json", "scip")), default="json")
@click.option("--definitions", is_flag=True, help="Classes and functions as well.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, allow_dash=True))
def export(
    root: Path, as_json: bool, form: str, definitions: bool, output: str | None
) -> None:
    """Write the graph for other tools.

    Formats are networkx' node-link JSON (also by --json), and SCIP, an index of
    definitions and uses, whose usual name is index.scip.
    """
    from openhands_tiered_router.graph.export import export as exported

    if form == "scip" and not as_json:
        _export_scip(root, output)
        return
    try:
        written = exported(open_graph(root), definitions=definitions)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    with click.open_file(output or "-", "w", lazy=True) as file:
        file.write(written + "\n")


def _export_scip(root: Path, output: str | None) -> None:
    from openhands_tiered_router.graph.scip import Left, index

    if output in (None, "-") and sys.stdout.isatty():
        raise click.UsageError("a SCIP index is binary: add -o index.scip")
    left = Left()
    graph = open_graph(root)
    with click.open_file(output or "-", "wb", lazy=True) as file:
        for part in index(graph, left):
            file.write(part)
    click.echo(
        f"left out: {left.ambiguous:,} uses that may mean several definitions, "
        f"{left.unread:,} files that could not be read",
        err=True,
    )


@command.command()
@common
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True
)
@click.option("--select", metavar="PATH", help="File that is selected at first.")
def view(root: Path, as_json: bool, output: Path, select: str | None) -> None:
    """Write a page that shows the graph.

    It is one HTML file that needs no network: communities, hubs, and what a change
    to the file that you pick would touch.
    """
    from openhands_tiered_router.graph.measures import measure
    from openhands_tiered_router.graph.view import render

    graph = open_graph(root)
    if select is not None and select not in graph.files:
        raise unknown(graph, select)
    page = render(graph, measure(graph), selected=select)
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from None
    answer = {"path": str(output), "bytes": len(page.encode())}
    if as_json:
        echo_json(answer)
    else:
        click.echo(f"{output}: {answer['bytes'] / 1024:,.0f} kB")


def _languages(graph: CodeGraph) -> dict[str, int]:
    from collections import Counter

    counts = Counter(file.language or "(not parsed)" for file in graph.files.values())
    return dict(counts.most_common())
