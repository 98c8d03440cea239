"""What a turn's questions to the code graph take, once it is warm.

    python tests/benchmarks/graph_turn.py WORKSPACE

Prints medians and 90th percentiles, of the wall clock and of the thread's processor
time, which another program's load disturbs less. The texts are stretches of 2,000
characters of the workspace's own Markdown files, and the touched files are drawn
from its code with a fixed seed. "New" is the first question about files since an
edit changed dependencies, "known" one about a new set of files that were each asked
about before, and "again" any later one.
"""

import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.measures import measure
from openhands_tiered_router.graph.reach import Reaches
from openhands_tiered_router.graph.signals import GraphSignals


ROUNDS = 300
LENGTH = 2_000


def main(root: Path) -> None:
    """Build, then ask."""
    print(f"{platform.platform()}, Python {platform.python_version()}, ", end="")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    graph = build_graph(root, persistent=False)
    print(f"{len(graph.files):,} files, {sum(map(len, graph.links.values())):,} edges")
    measure(graph)
    _show("all measures, networkx loaded", _times(lambda _: measure(graph), range(5)))
    signals = GraphSignals()
    _show("first update of the signals", _times(lambda _: signals.update(graph), [0]))
    texts = _texts(root)
    for text in texts:
        signals.task_signals(text)
    _show(f"task_signals, {len(texts)} texts", _times(signals.task_signals, texts))
    code = sorted(path for path, file in graph.files.items() if not file.is_test)
    dice = random.Random(0)
    for count in (1, 10):
        samples = [dice.sample(code, count) for _ in range(ROUNDS)]
        state = signals._state
        assert state is not None
        new = []
        for sample in samples:
            signals._state = replace(state, reaches=Reaches(graph), touches={})
            new += _times(signals.touch_signals, [sample])
        signals._state = state
        _show(f"touch_signals, {count} new", new)
        for sample in samples:
            signals.touch_signals(sample)
        known, again = [], []
        for sample in samples:
            state.touches.clear()
            known += _times(signals.touch_signals, [sample])
            again += _times(signals.touch_signals, [sample])
        _show(f"touch_signals, {count} known", known)
        _show(f"touch_signals, {count} again", again)


def _texts(root: Path) -> list[str]:
    texts = []
    for path in sorted(root.rglob("*.md")):
        text = path.read_text("utf-8", errors="replace")
        texts += [text[at : at + LENGTH] for at in range(0, len(text), LENGTH)]
    full = [text for text in texts if len(text) == LENGTH]
    if not full:
        sys.exit(f"{root} has no Markdown file of {LENGTH:,} characters")
    return random.Random(0).sample(full, min(ROUNDS, len(full)))


def _times[T](
    function: Callable[[T], object], arguments: Iterable[T]
) -> list[tuple[float, float]]:
    times = []
    for argument in arguments:
        wall, processor = time.perf_counter(), time.thread_time()
        function(argument)
        wall, processor = time.perf_counter() - wall, time.thread_time() - processor
        times.append((1e3 * wall, 1e3 * processor))
    return times


def _show(name: str, times: list[tuple[float, float]]) -> None:
    cells = []
    for kind, values in zip(("wall", "cpu"), zip(*times, strict=True), strict=True):
        ordered = sorted(values)
        middle, late = ordered[len(ordered) // 2], ordered[int(0.9 * len(ordered))]
        cells.append(f"{kind} median {middle:8.3f} p90 {late:8.3f}")
    print(f"{name:32}", "   ".join(cells), "ms")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
