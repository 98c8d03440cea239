"""Compares cyclomatic complexity with lizard's, function by function.

    pip install lizard
    python tests/benchmarks/graph_complexity.py ROOT .py [--files 400] [--show 10]

A function is the same when line and name are. Known differences: see
docs/graph-build.md.
"""

import argparse
import random
from collections import Counter
from pathlib import Path

import lizard  # pyright: ignore[reportMissingImports]
from graph_machine import machine

from openhands_tiered_router.graph.extract import extract
from openhands_tiered_router.graph.languages import language_of


def main() -> None:
    """Print the shares that are equal, and within one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("suffix")
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--show", type=int, default=0)
    options = parser.parse_args()
    paths = sorted(options.root.rglob(f"*{options.suffix}"))
    random.Random(0).shuffle(paths)
    differences: Counter[int] = Counter()
    examples = []
    for path in paths[: options.files]:
        source = path.read_bytes()
        language = language_of(path.name)
        if language is None or len(source) > 300_000:
            continue
        facts = extract(path.name, source, language)
        ours = {(d.start_line, d.name): d.complexity for d in facts.definitions}
        text = source.decode("utf-8", "replace")
        theirs = lizard.analyze_file.analyze_source_code(str(path), text)
        for function in theirs.function_list:
            name = function.name.rpartition("::")[2].rpartition(".")[2]
            key = function.start_line, name
            if key in ours:
                difference = ours[key] - function.cyclomatic_complexity
                differences[difference] += 1
                if difference:
                    examples.append((difference, f"{path}:{key[0]}", name))
    total = differences.total() or 1
    near = differences[0] + differences[1] + differences[-1]
    print(machine())
    print(
        f"{options.root} {options.suffix}: {differences.total()} functions, equal"
        f" {differences[0] / total:.2%}, within one {near / total:.2%}"
    )
    for example in random.Random(0).sample(examples, min(options.show, len(examples))):
        print(*example)


if __name__ == "__main__":
    main()
