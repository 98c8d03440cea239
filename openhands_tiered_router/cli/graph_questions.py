"""Questions to the code graph: what uses what, and what a change can break."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openhands_tiered_router.cli.graph_common import (
    NOTHING,
    common,
    dependents_table,
    echo_json,
    limited,
    open_graph,
    resolve,
    table,
)
from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from openhands_tiered_router.graph.questions import Use
    from openhands_tiered_router.graph.snapshot import CodeGraph


@click.command()
@common
@limited(20)
@click.argument("place", metavar="[PLACE]", required=False)
@click.option("--depth", type=click.IntRange(1, 10), default=3, show_default=True)
@click.option(
    "--diff",
    "revision",
    metavar="[REV]",
    is_flag=False,
    flag_value="HEAD",
    help="Of what differs from a commit (default: HEAD) instead of a place.",
)
def impact(
    root: Path,
    as_json: bool,
    limit: int,
    place: str | None,
    depth: int,
    revision: str | None,
) -> None:
    """List what depends on a file or definition, or on a git diff.

    The nearest come first. PLACE is PATH, PATH:SYMBOL, or a SYMBOL that one file alone
    defines: a qualified name, or the end of one at a dot; it stands for all of its
    overloads. A diff also lists the tests that reach it.
    """
    from openhands_tiered_router.graph.impact import blast_radius, reaching_tests
    from openhands_tiered_router.graph.questions import network_for

    if (place is None) == (revision is None):
        raise click.UsageError("name either a place or --diff")
    graph = open_graph(root)
    unknown: tuple[str, ...] = ()
    if revision is not None:
        nodes, unknown = changed_by(graph, revision)
    else:
        nodes = resolve(graph, place or "")[1]
    network = network_for(graph, nodes, depth)
    radius = blast_radius(network, nodes, depth=depth)
    tests = reaching_tests(network, nodes, depth=depth) if revision else ()
    if as_json:
        answer = {
            "changed": nodes,
            "dependents": [asdict(d) for d in radius.dependents[:limit]],
            "within": [radius.within(step + 1) for step in range(depth)],
            "truncated": radius.truncated,
        }
        if revision is not None:
            shown = [asdict(test) for test in tests[:limit]]
            answer |= {"unknown": unknown, "tests": shown, "total_tests": len(tests)}
        echo_json(answer)
        return
    if revision is not None and not nodes and not unknown:
        click.echo(f"nothing in the graph differs from {revision}")
        return
    if revision is not None:
        table("Changed", ("node",), [(node,) for node in nodes], limit)
        if unknown:
            click.echo(f"gone, or not in the graph: {', '.join(unknown)}")
    counts = ", ".join(str(radius.within(step + 1)) for step in range(depth))
    click.echo(f"dependents within 1 to {counted(depth, 'step')}: {counts}")
    dependents_table("Dependents", radius.dependents, limit)
    if revision is not None:
        dependents_table("Tests", tests, limit)


def changed_by(graph: CodeGraph, revision: str) -> tuple[list[str], tuple[str, ...]]:
    """Return the nodes that differ from a commit, and what is gone or unknown."""
    from openhands_tiered_router.git import GitError
    from openhands_tiered_router.graph.changes import changed_nodes

    try:
        changed = changed_nodes(graph, revision)
    except GitError as error:
        raise click.ClickException(
            f"no diff of {graph.root} against {revision!r}: {error}"
        ) from None
    return list(changed.nodes), changed.unknown


@click.command()
@common
@limited(20)
@click.argument("place", metavar="PLACE")
@click.option("--depth", type=click.IntRange(1, 10), default=3, show_default=True)
@click.pass_context
def tests(
    context: click.Context,
    root: Path,
    as_json: bool,
    limit: int,
    place: str,
    depth: int,
) -> None:
    """List the tests that reach a file or definition.

    The nearest come first. PLACE is PATH, PATH:SYMBOL, or a SYMBOL that one file alone
    defines: a qualified name, or the end of one at a dot.
    """
    from openhands_tiered_router.graph.impact import reaching_tests
    from openhands_tiered_router.graph.questions import network_for

    graph = open_graph(root)
    _, nodes = resolve(graph, place)
    network = network_for(graph, nodes, depth)
    found = reaching_tests(network, nodes, depth=depth)
    if as_json:
        shown = [asdict(test) for test in found[:limit]]
        echo_json({"changed": nodes, "tests": shown, "total": len(found)})
    elif found:
        dependents_table("Tests", found, limit)
    if not found:
        click.echo(
            f"no test is known to reach {place} in {counted(depth, 'step')}", err=True
        )
        context.exit(NOTHING)


def _calls(name: str, summary: str) -> click.Command:
    """Return the command for the calls that go one way."""

    @click.command(
        name,
        help=f"List the calls {summary}, with their lines.\n\n"
        "The surest come first; below .9 they are guesses by name. PLACE is PATH, "
        "PATH:SYMBOL, or a SYMBOL that one file alone defines.",
    )
    @common
    @limited(20)
    @click.argument("place", metavar="PLACE")
    @click.pass_context
    def command(
        context: click.Context, root: Path, as_json: bool, limit: int, place: str
    ) -> None:
        from openhands_tiered_router.graph import questions

        graph = open_graph(root)
        ask = questions.callers if name == "callers" else questions.callees
        uses = ask(graph, inside(graph, place))
        _show_uses(context, name.title(), uses, as_json, limit)

    return command


callers = _calls("callers", "into a file or definition")
callees = _calls("callees", "that a file or definition makes")


@click.command()
@common
@limited(20)
@click.argument("start", metavar="FROM")
@click.argument("end", metavar="TO")
@click.pass_context
def path(
    context: click.Context, root: Path, as_json: bool, limit: int, start: str, end: str
) -> None:
    """Show a shortest way by which one place uses another.

    FROM and TO are PATH, PATH:SYMBOL or SYMBOL; steps are calls, references,
    inheritance.
    """
    from openhands_tiered_router.graph import questions

    graph = open_graph(root)
    uses = questions.way(graph, inside(graph, start), inside(graph, end))
    _show_uses(context, "Path", uses, as_json, limit)


def inside(graph: CodeGraph, place: str) -> list[str]:
    """Return a place's nodes; of a file, those of all that is in it."""
    path, nodes = resolve(graph, place)
    facts = graph.facts(path)
    if facts is None or nodes != [path]:
        return nodes
    return [path, *(facts.node_id(n) for n in range(len(facts.definitions)))]


def _show_uses(
    context: click.Context, title: str, uses: list[Use], as_json: bool, limit: int
) -> None:
    if as_json:
        shown = [asdict(use) for use in uses[:limit]]
        echo_json({"uses": shown, "total": len(uses)})
    elif uses:
        several = title == "Path" or len({use.target for use in uses}) > 1
        names = ("place -> what it uses" if several else "place", "confidence")
        rows = [(_said(use, several), f"{use.confidence:.2f}") for use in uses]
        table(title if several else f"{title}: {uses[0].target}", names, rows, limit)
    if not uses:
        click.echo("none is known", err=True)
        context.exit(NOTHING)


def _said(use: Use, several: bool) -> str:
    """Return a use as PATH:LINE NAME, with what is used where several things are."""
    name = use.source.partition("::")[2]
    target = f"-> {use.target}" if several else ""
    return " ".join(part for part in (f"{use.path}:{use.line}", name, target) if part)
