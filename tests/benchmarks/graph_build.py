"""Times a cold build, a start from cache and the memory of a workspace's graph.

    python tests/benchmarks/graph_build.py ROOT [--runs N] [--no-definitions]

Anchors: the time of nothing but parsing, in one process, on the same machine at
the same moment. Runs are repeated; give the load with any figure you quote.
"""

import argparse
import resource
import tempfile
from pathlib import Path

from graph_machine import machine, median_interval, processor_seconds, timed

from openhands_tiered_router.graph.grammar import compiled
from openhands_tiered_router.graph.languages import language_of
from openhands_tiered_router.graph.refresh import Refresher
from openhands_tiered_router.graph.scan import scan
from openhands_tiered_router.graph.snapshot import CodeGraph


def build(root: Path, cache: Path) -> CodeGraph:
    """Build or load, and store."""
    refresher = Refresher(root, cache=cache)
    graph = refresher.start().graph
    refresher.close()
    return graph


def start_only(root: Path, cache: Path) -> CodeGraph:
    """Build or load; what a first question waits for."""
    return Refresher(root, cache=cache).start().graph


def parse_all(root: Path) -> int:
    """Parse every file and do nothing with it; return the bytes."""
    total = 0
    for path in scan(root).files:
        language = language_of(path)
        source = (root / path).read_bytes()
        if language is not None:
            compiled(language)[0].parse(source)
            total += len(source)
    return total


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    root = options.root.resolve()
    cold: list[float] = []
    processor: list[float] = []
    warm: list[float] = []
    parsing: list[float] = []
    graph = None
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder) / "graph.sqlite"
            before = processor_seconds()
            cold.append(timed(lambda: start_only(root, cache))[0])  # noqa: B023
            processor.append(processor_seconds() - before)
            build(root, cache)
            wall, _, graph = timed(lambda: start_only(root, cache))  # noqa: B023
            warm.append(wall)
        parsing.append(timed(lambda: parse_all(root))[1])
    assert graph is not None
    size = sum(node.size for node in graph.files.values())
    print(machine())
    print(f"{root}: {len(graph.files)} files, {size / 1e6:.1f} MB, runs {options.runs}")
    print(f"links between files: {sum(map(len, graph.links.values()))}")
    print(f"parse only, 1 process, CPU s   {median_interval(parsing)}")
    print(f"build, cold, wall s            {median_interval(cold)}")
    print(f"the same, CPU s, all processes {median_interval(processor)}")
    print(f"start from cache, wall s       {median_interval(warm)}")
    file_graph = timed(lambda: graph.file_graph)
    print(f"file graph for networkx, s     {file_graph[0]:.3f}")
    if graph.has_definitions:
        network = timed(lambda: graph.digraph)
        assert network[2] is not None
        print(f"definition graph, s            {network[0]:.3f}")
        print(
            f"nodes, edges                   {len(network[2])},"
            f" {network[2].number_of_edges()}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"most memory, this process, MB  {peak / 1024:.0f}")


if __name__ == "__main__":
    main()
