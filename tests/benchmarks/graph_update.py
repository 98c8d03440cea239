"""Times updates after random edits, and compares the end with a fresh build.

    python tests/benchmarks/graph_update.py ROOT [--edits 900] [--seed 0]

ROOT is copied to a temporary directory. Edits: a body change, a new top-level
function, a renaming of the first definition everywhere in its file, a deletion,
and reverts of these. The time is from the note of the edit to the snapshot that
has it: reading, hashing, parsing, linking the file and as many of those that
depend on it as fit into 8 ms; the others are linked between edits. It is given by
the wall clock and in processor time, which the load of the machine disturbs less.
"""

import argparse
import random
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from graph_machine import machine, median_interval, quantile, timed

from openhands_tiered_router.graph.refresh import Refresher
from openhands_tiered_router.graph.snapshot import CodeGraph
from openhands_tiered_router.graph.workspace import FIRST_LINK_S


DEFINED = re.compile(
    r"^(?:export |pub )?(?:async )?(?:def|class|function|fn|struct|func) (\w+)", re.M
)


def body(text: str, rng: random.Random) -> str:
    """Add a comment line in the middle."""
    at = text.find("\n", len(text) // 2)
    return f"{text[:at]}\n# {rng.random()}{text[at:]}" if at > 0 else text + "\n"


def addition(text: str, rng: random.Random) -> str:
    """Add a function at the end."""
    return f"{text}\ndef added_{rng.randrange(50)}(x):\n    return x\n"


def renaming(text: str, _: random.Random) -> str:
    """Rename the first definition everywhere in the file."""
    found = DEFINED.search(text)
    return re.sub(rf"\b{found[1]}\b", f"{found[1]}_r", text) if found else text


KINDS: dict[str, Callable[[str, random.Random], str | None]] = {
    "body": body,
    "addition": addition,
    "renaming": renaming,
    "deletion": lambda _, __: None,
}


def edit(path: Path, originals: dict[Path, bytes], rng: random.Random) -> str:
    """Change one file; return the kind of the edit, "" for none."""
    if path in originals and rng.random() < 0.6:
        path.write_bytes(originals.pop(path))
        return "revert"
    if not path.exists():
        return ""
    kind = rng.choice(list(KINDS))
    before = path.read_bytes()
    originals.setdefault(path, before)
    text = KINDS[kind](before.decode("utf-8", "replace"), rng)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    return kind


def differences(one: CodeGraph, other: CodeGraph) -> int:
    """Return how many files' facts, edges or links differ."""
    return sum(
        one.files.get(path) != other.files.get(path)
        or one.links.get(path) != other.links.get(path)
        or one.records[path] != other.records[path]
        for path in one.files.keys() | other.files.keys()
    )


def main() -> None:
    """Print the figures; fail if the graphs differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--edits", type=int, default=900)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "tree"
        shutil.copytree(options.root, root, symlinks=True)
        refresher = Refresher(root, persistent=False)
        writer = refresher.start()
        writer.prepare()
        paths = sorted(writer.graph.files)
        originals: dict[Path, bytes] = {}
        for _ in range(options.edits):
            path = rng.choice(paths)
            kind = edit(root / path, originals, rng)
            if kind:
                again = {path}
                wall, cpu, _ = timed(lambda: refresher.reread(again, FIRST_LINK_S))  # noqa: B023
                for name in (kind, "all"):
                    times[name].append((wall * 1e3, cpu * 1e3))
            writer.settle()
        fresh = Refresher(root, persistent=False).start()
        differing = differences(writer.graph, fresh.graph)
    print(machine())
    print(f"{options.root}: {len(paths)} files, {options.edits} edits, ms")
    for kind, pairs in sorted(times.items()):
        for clock, values in zip(
            ("wall", "cpu"), zip(*pairs, strict=True), strict=True
        ):
            print(
                f"{kind:<9} {clock:<4} n {len(values):>4}"
                f"  median {median_interval(values)}  p90 {quantile(values, 0.9):.2f}"
                f"  p99 {quantile(values, 0.99):.2f}  most {max(values):.2f}"
            )
    print(f"files that differ from a fresh build: {differing}")
    raise SystemExit(differing != 0)


if __name__ == "__main__":
    main()
