"""Large workspaces: time and memory of a build, a second start, and updates.

    python tests/benchmarks/graph_sizes.py ROOT
    python tests/benchmarks/graph_sizes.py --files 100000

With `--files` a tree of Python packages is made in a temporary directory: each
file has a class with a base from another file, four functions and calls into three
other files, by a fixed seed. Real trees hold more: such a file is 1 kB.
"""

import argparse
import random
import resource
import tempfile
import time
from pathlib import Path

from graph_machine import machine, processor_seconds, quantile, timed

from openhands_tiered_router.graph.refresh import Refresher
from openhands_tiered_router.graph.workspace import FIRST_LINK_S


PER_PACKAGE = 40
EDITS = 200

SOURCE = '''"""Part {n} of a made-up program."""

from {a} import Part{i}, make_{i}
from {b} import make_{j}
from {c} import run_{k}


class Part{n}(Part{i}):
    """Something that depends on part {i}."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.other = make_{j}(size)

    def step(self, count: int) -> int:
        if count > {n} or not self.other:
            return run_{k}(count)
        for number in range(count):
            count += self.other.step(number)
        return count


def make_{n}(size: int) -> Part{n}:
    return Part{n}(size + {n})


def run_{n}(count: int) -> int:
    part = make_{n}(count)
    return part.step(make_{i}(count).step(1))
'''


def module(number: int) -> str:
    """Return the dotted name of a file."""
    package = number // PER_PACKAGE
    return f"area{package // 50}.package{package}.part{number}"


def make(root: Path, files: int) -> None:
    """Write the tree; a file depends on near ones more often than on far ones."""
    rng = random.Random(0)
    for n in range(files):
        near = max(0, n - PER_PACKAGE)
        i, j, k = rng.randint(near, n), rng.randint(near, n), rng.randrange(files)
        path = root / (module(n).replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        a, b, c = module(i), module(j), module(k)
        path.write_text(SOURCE.format(n=n, i=i, j=j, k=k, a=a, b=b, c=c))


def memory() -> str:
    """Return this process's memory now and at most, and that of the largest child."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    now = pages * resource.getpagesize() / 2**20
    return f"MB: now {now:.0f}, at most {most:.0f}, largest worker {child:.0f}"


def measure(root: Path, cache: Path) -> None:
    """Build, ask, update, start again."""
    refresher = Refresher(root, cache=cache)
    before = processor_seconds()
    wall, own, writer = timed(refresher.start)
    graph = writer.graph
    size = sum(node.size for node in graph.files.values()) / 1e6
    print(f"{len(graph.files):,} files, {size:.1f} MB; left out: {graph.skipped}")
    print(f"links between files: {sum(map(len, graph.links.values())):,}")
    print(f"build: {wall:.1f} s wall, {processor_seconds() - before:.1f} s CPU in all")
    print(f"  of that {own:.1f} s CPU in this process; {memory()}", flush=True)
    print(f"save: {timed(refresher.save)[0]:.1f} s; file graph:", end=" ")
    print(f"{timed(lambda: writer.graph.file_graph)[0]:.1f} s; {memory()}", flush=True)
    del graph  # only the writer's versions are to be counted
    times = []
    for path in random.Random(0).sample(sorted(writer.graph.files), EDITS):
        file = root / path
        content = file.read_bytes()
        try:
            file.write_bytes(content + b"\n\n")
            start = time.thread_time()
            refresher.reread({path}, FIRST_LINK_S)
            times.append(1e3 * (time.thread_time() - start))
        finally:
            file.write_bytes(content)
        refresher.reread({path})
        writer.settle()
    median, late = quantile(times, 0.5), quantile(times, 0.99)
    print(f"update: median {median:.2f}, p99 {late:.2f} ms CPU; {memory()}", flush=True)
    refresher.close()
    again = Refresher(root, cache=cache)
    wall, own, _ = timed(again.start)
    print(f"start from cache: {wall:.1f} s wall, {own:.1f} s CPU", flush=True)
    again.close()


def main() -> None:
    """Print the figures; files of ROOT are edited and restored."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, nargs="?")
    parser.add_argument("--files", type=int, default=0)
    options = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        root = options.root or Path(folder) / "tree"
        if options.files:
            print(f"made {options.files:,} files in", end=" ")
            print(f"{timed(lambda: make(root, options.files))[0]:.0f} s", flush=True)
        measure(root.resolve(), Path(folder) / "graph.sqlite")


if __name__ == "__main__":
    main()
