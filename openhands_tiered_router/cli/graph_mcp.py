"""``tiered-router graph mcp``: the code graph as tools for an agent, over stdio.

Answers are short lines of text, since an agent pays for each of them at every later
turn; docs/graph.md has what they cost.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

import click

from openhands_tiered_router.cli.graph_common import resolve, workspace_option
from openhands_tiered_router.cli.graph_questions import changed_by, inside


if TYPE_CHECKING:
    from mcp.server.fastmcp import FastMCP

    from openhands_tiered_router.graph.impact import Dependent
    from openhands_tiered_router.graph.refresh import Refresher
    from openhands_tiered_router.graph.snapshot import CodeGraph

SHOWN: Final = 10
"""Lines of one answer; what is left out is counted."""
DEPTH: Final = 3
"""Steps that impact and tests go back."""


class Answers:
    """Answers questions about one workspace, read again before each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = Lock()
        self._refresher: Refresher | None = None

    def where(self, text: str) -> str:
        """Find the files and definitions that a request or error is about."""
        from openhands_tiered_router.graph.where import where

        with self._lock:
            found = where(self._root, text, build=lambda _: self._graph())
            graph = self._graph() if found.definitions else None
        lines = [hit.node for hit in found.files[:SHOWN]]
        for hit in found.definitions[:SHOWN]:
            definition = graph.definition(hit.node) if graph else None
            at = f":{definition.start_line}" if definition else ""
            path, _, name = hit.node.partition("::")
            lines.append(f"{path}{at} {name}")
        return "\n".join(lines) or "nothing shares a word with the text"

    def impact(self, place: str = "") -> str:
        """List what a change can break: of [PATH:]SYMBOL, PATH, or the git diff."""
        from openhands_tiered_router.graph.impact import blast_radius
        from openhands_tiered_router.graph.questions import network_for

        with self._lock:
            graph = self._graph()
            nodes = self._nodes(graph, place)
            network = network_for(graph, nodes, DEPTH)
        found = blast_radius(network, nodes, depth=DEPTH).dependents
        return _dependents(found, "nothing is known to depend on it")

    def tests(self, place: str = "") -> str:
        """List the tests to run: of [PATH:]SYMBOL, PATH, or the git diff."""
        from openhands_tiered_router.graph.impact import reaching_tests
        from openhands_tiered_router.graph.questions import network_for

        with self._lock:
            graph = self._graph()
            nodes = self._nodes(graph, place)
            network = network_for(graph, nodes, DEPTH)
        found = reaching_tests(network, nodes, depth=DEPTH)
        return _dependents(found, "no test is known to reach it")

    def callers(self, place: str) -> str:
        """List the calls into [PATH:]SYMBOL or PATH, with their lines."""
        from openhands_tiered_router.graph import questions

        with self._lock:
            graph = self._graph()
            uses = questions.callers(graph, inside(graph, place))
        lines = [
            f"{use.path}:{use.line} {use.source.partition('::')[2]}"
            + (" (a guess)" if use.confidence < questions.CERTAIN else "")
            for use in uses
        ]
        return _shown(lines, "no call is known")

    def _graph(self) -> CodeGraph:
        """Return the graph as the files are now."""
        from openhands_tiered_router.graph.refresh import Refresher

        if self._refresher is None:
            self._refresher = Refresher(self._root)
            self._refresher.start()
            self._refresher.save()
        else:
            self._refresher.refresh()
        writer = self._refresher.writer
        if writer is None:
            raise click.ClickException(f"no graph of {self._root}")
        return writer.graph

    def _nodes(self, graph: CodeGraph, place: str) -> list[str]:
        return resolve(graph, place)[1] if place else changed_by(graph, "HEAD")[0]


def _dependents(found: tuple[Dependent, ...], nothing: str) -> str:
    return _shown([f"{d.node} ({d.depth})" for d in found], nothing)


def _shown(lines: list[str], nothing: str) -> str:
    more = len(lines) - SHOWN
    rest = [f"and {more} more"] if more > 0 else []
    return "\n".join(lines[:SHOWN] + rest) or nothing


def server(root: Path) -> FastMCP:
    """Return the server, ready to run."""
    import anyio.to_thread  # with the SDK's mcp: .6 s
    from mcp.server.fastmcp import FastMCP

    answers = Answers(root)
    made = FastMCP("code-graph", log_level="ERROR")

    async def answered(ask: Callable[[str], str], text: str) -> str:
        try:
            return await anyio.to_thread.run_sync(ask, text)
        except click.ClickException as error:
            raise ValueError(error.message) from None

    @made.tool(description=answers.where.__doc__, structured_output=False)
    async def where(text: str) -> str:
        return await answered(answers.where, text)

    @made.tool(description=answers.impact.__doc__, structured_output=False)
    async def impact(place: str = "") -> str:
        return await answered(answers.impact, place)

    @made.tool(description=answers.tests.__doc__, structured_output=False)
    async def tests(place: str = "") -> str:
        return await answered(answers.tests, place)

    @made.tool(description=answers.callers.__doc__, structured_output=False)
    async def callers(place: str) -> str:
        return await answered(answers.callers, place)

    return made


@click.command()
@workspace_option
def mcp(root: Path) -> None:
    """Serve the graph to an agent as MCP tools, over standard input and output.

    The tools are where, impact, tests and callers. In an agent's configuration:

    \b
      {"mcpServers": {"code-graph": {"command": "tiered-router",
                                     "args": ["graph", "mcp", "-w", "."]}}}
    """
    server(root).run("stdio")
