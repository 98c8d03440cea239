"""Precision and recall of call edges against a compiler's or type checker's.

    python tests/benchmarks/graph_calls.py ROOT --scip INDEX
    python tests/benchmarks/graph_calls.py ROOT --sites FILE

A SCIP index is made by ``scip-python index . --project-name x`` (pyright) or
``scip-typescript index``, in ROOT. A sites file has one line a call,
``path:line:column<TAB>path:line``: where the name of the callee is, and where it
is defined; graph_calls_go.go, GraphCalls.java, graph_calls_rust.py and
graph_calls_python.py beside this write it with go/types, javac, rustc and jedi.

An edge is a pair of definitions, caller and callee. A sites file tells the
overloads of a name apart, a SCIP index does not: there they count as one, as do
repeated definitions in languages without overloads, and a constructor as its class.
A call whose overload is open has sure edges to none of them. The reference
has the pairs whose callee is defined in ROOT. A pair of ours that it lacks is
wrong, unless the caller holds a call of that name that the reference could not
type, or that scip-python takes for the built-in of the same name (``x.list()``).
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from graph_machine import machine
from graph_scip import read_index

from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.grammar import captures
from openhands_tiered_router.graph.languages import language_of
from openhands_tiered_router.graph.model import EdgeKind, FileFacts
from openhands_tiered_router.graph.snapshot import CodeGraph


type Site = tuple[int, int]
"""(line, column in bytes), both 0-based."""
type Home = tuple[str, int, str]
"""Path, 0-based line and name of a definition; "" is the name at the site."""
type Uses = dict[str, dict[Site, list[Home]]]
"""Path and site to where the callee may be defined."""

CONFIDENCES = (0.95, 0.9, 0.01)


def from_scip(root: Path, index: Path) -> Uses:
    """Read the uses of a SCIP index."""
    documents = read_index(index)
    homes: dict[str, list[Home]] = {}
    for document in documents:
        lines = text_lines(root / document.path)
        for symbol, places in document.definitions.items():
            homes.setdefault(symbol, []).extend(
                (document.path, line, word_at(lines, line, character))
                for line, character in places
            )
    uses: Uses = {}
    for document in documents:
        lines = text_lines(root / document.path)
        known = uses[document.path] = {}
        for (line, character), symbol in document.uses.items():
            before = text_before(lines, line, character)
            name = word_at(lines, line, character)
            builtin = f"builtins/{name}#" in symbol and before.endswith(".")
            if symbol in homes or not builtin:
                known[line, len(before.encode())] = homes.get(symbol, [])
    return uses


def text_lines(path: Path) -> list[str]:
    """Return a file's lines; none if it is gone."""
    return path.read_text("utf-8", "replace").split("\n") if path.exists() else []


def text_before(lines: list[str], line: int, character: int) -> str:
    """Return a line's text up to a position in UTF-16 units."""
    text = lines[line] if line < len(lines) else ""
    return text.encode("utf-16-le")[: 2 * character].decode("utf-16-le", "replace")


def word_at(lines: list[str], line: int, character: int) -> str:
    """Return the identifier at a position."""
    start = len(text_before(lines, line, character))
    found = re.match(r"[\w$]*", lines[line][start:]) if line < len(lines) else None
    return found[0] if found else ""


def from_sites(root: Path, file: Path) -> Uses:
    """Read a sites file."""
    uses: Uses = {}
    for row in file.read_text().splitlines():
        site, home = row.split("\t")[:2]
        path, line, column = site.rsplit(":", 2)
        where, _, at = home.rpartition(":")
        known = uses.setdefault(inside(root, path), {})
        place = [(inside(root, where), int(at) - 1, "")] if where else []
        known[int(line) - 1, int(column) - 1] = place
    return uses


def inside(root: Path, path: str) -> str:
    """Return a path relative to the root, if it lies in there."""
    full = Path(path).resolve()
    return full.relative_to(root).as_posix() if full.is_relative_to(root) else path


def plain(node: str, *, apart: bool = False) -> str:
    """Return a node's id with a constructor as its class.

    Args:
        node: The id.
        apart: Whether overloads keep their numbers.
    """
    path, separator, qualname = node.partition("::")
    qualname, mark, number = qualname.partition("#")
    parts = qualname.split(".")
    if len(parts) > 1 and parts[-1] in (parts[-2], "__init__"):
        parts, mark = parts[:-1], ""
    language = language_of(path)
    kept = apart and mark and language is not None and language.overloads
    return f"{path}{separator}{'.'.join(parts)}{mark + number if kept else ''}"


def calls(
    root: Path, facts: FileFacts, *, apart: bool
) -> Iterator[tuple[Site, str, str]]:
    """Yield (site, callee's name, caller) for each call in a file."""
    language = language_of(facts.path)
    assert language is not None
    source = (root / facts.path).read_bytes()
    found = captures(language, source)[1]
    for node in (*found.get("c", ()), *found.get("cm", ())):
        line, column = node.start_point
        scope = -1
        for index, around in enumerate(facts.definitions):
            if around.start_line <= line + 1 <= around.end_line:
                scope = index
        name = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
        yield (line, column), name, plain(facts.node_id(scope), apart=apart)


def reference(
    root: Path, graph: CodeGraph, uses: Uses, *, apart: bool
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return the reference's edges, and (caller, name) that it does not know."""
    edges: set[tuple[str, str]] = set()
    unknown: set[tuple[str, str]] = set()
    for path, known in uses.items():
        facts = graph.facts(path)
        for site, name, caller in calls(root, facts, apart=apart) if facts else ():
            if site not in known:
                unknown.add((caller, name))
            for home, line, word in known.get(site, ()):
                target = defined(graph.facts(home), line, word or name, apart=apart)
                if target and target != caller:
                    edges.add((caller, target))
    return edges, unknown


def defined(facts: FileFacts | None, line: int, name: str, *, apart: bool) -> str:
    """Return the definition of a name that starts on a line, or ""."""
    for index, found in enumerate(facts.definitions if facts else ()):
        if (found.start_line, found.name) == (line + 1, name) and facts is not None:
            return plain(facts.node_id(index), apart=apart)
    return ""


def main() -> None:
    """Print precision and recall, for sure edges and for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--scip", type=Path)
    source.add_argument("--sites", type=Path)
    options = parser.parse_args()
    root = options.root.resolve()
    graph = build_graph(root, persistent=False)
    uses = (
        from_scip(root, options.scip)
        if options.scip
        else from_sites(root, options.sites)
    )
    apart = options.scip is None
    expected, unknown = reference(root, graph, uses, apart=apart)
    print(machine())
    print(f"{root}: {len(graph.files)} files, {len(expected)} edges in the reference")
    for least in CONFIDENCES:
        found = {
            (plain(edge.source, apart=apart), plain(edge.target, apart=apart))
            for path in uses.keys() & graph.files.keys()
            for edge in graph.records[path].edges
            if edge.kinds & EdgeKind.CALLS and edge.confidence >= least
        }
        found = {(a, b) for a, b in found if a != b}
        right = found & expected
        wrong = {
            (a, b)
            for a, b in found - expected
            if (a, re.split(r"[.:]", b.partition("#")[0])[-1]) not in unknown
        }
        precision = len(right) / max(1, len(right) + len(wrong))
        recall = len(right) / max(1, len(expected))
        print(
            f"confidence >= {least}: precision {precision:.4f} ({len(wrong)} wrong),"
            f" recall {recall:.4f} ({len(expected - found)} missed)"
        )


if __name__ == "__main__":
    main()
