"""Compares cyclomatic complexity with lizard's, function by function.

    pip install lizard
    python tests/benchmarks/graph_complexity.py ROOT .py [--files 400] [--show 10]

A function is the same when line and name are. lizard reads tokens, not a grammar, and
some constructs are known to mislead it (`MISREAD`). Functions that differ and hold one
that misleads it in that direction are counted apart; docs/graph-build.md has examples.
"""

import argparse
import random
import re
from collections import Counter
from pathlib import Path

import lizard  # pyright: ignore[reportMissingImports]
from graph_machine import machine

from openhands_tiered_router.graph.extract import extract
from openhands_tiered_router.graph.languages import language_of
from openhands_tiered_router.graph.model import Definition


_RUST = (
    (-1, "closure without parameters", r"[(,={]\s*(?:move\s*)?\|\||\bmove\s*\|\|"),
    (-1, "`for` of an impl or a lifetime", r"\bimpl\b[^;{]*\bfor\b|\bfor<"),
    (-1, "`?` of a `?Sized` bound", r"\?\s*Sized"),
    (-1, "declaration without a body", r"\A[^{]*;\s*\Z"),
    (-1, "match arms or else in a macro or after an attribute", r"!\s*[{(]|#\["),
)
_SCRIPT = (
    (1, "result type that is a predicate", r"\)\s*:\s*\w+\s+is\b"),
    (1, "arrow function whose body begins on the next line", r"=>\s*\n"),
    (1, "condition in a template", r"\$\{[^}]*(?:\?|&&|\|\|)"),
    (1, "condition in a JSX attribute or child", r"[>=]\s*\{[^}]*(?:\?|&&|\|\|)"),
    (1, "condition in a spread", r"\.\.\.\(?[^,;]*(?:\?|&&|\|\|)"),
    (-1, "optional parameter or property", r"\w\?\s*[:),]"),
    (-1, "arrow function with typed parameters", r"\(\s*\w+\s*:[^)]*\)\s*=>"),
)
MISREAD = {".rs": _RUST, ".ts": _SCRIPT, ".tsx": _SCRIPT, ".js": _SCRIPT}
"""Per suffix: whether ours is then higher (1) or lower, what it is, how it looks."""


def reason(suffix: str, text: str, difference: int) -> str:
    """Return the construct that misleads lizard in this direction, or ""."""
    for sign, name, pattern in MISREAD.get(suffix, ()):
        if sign * difference > 0 and re.search(pattern, text):
            return name
    return ""


def compare(path: Path, source: bytes) -> list[tuple[Definition, int]]:
    """Return the functions that both know, and ours less lizard's complexity."""
    language = language_of(path.name)
    assert language is not None
    facts = extract(path.name, source, language)
    ours = {(d.start_line, d.name): d for d in facts.definitions}
    text = source.decode("utf-8", "replace")
    theirs = lizard.analyze_file.analyze_source_code(str(path), text)
    found = []
    for function in theirs.function_list:
        name = function.name.rpartition("::")[2].rpartition(".")[2]
        mine = ours.get((function.start_line, name))
        if mine is not None:
            found.append((mine, mine.complexity - function.cyclomatic_complexity))
    return found


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
    reasons: Counter[str] = Counter()
    unexplained: list[tuple[int, str, str]] = []
    crashed = 0
    for path in paths[: options.files]:
        source = path.read_bytes()
        if len(source) > 300_000:
            continue
        try:
            found = compare(path, source)
        except (IndexError, AttributeError):  # lizard's, on some JSX
            crashed += 1
            continue
        lines = source.decode("utf-8", "replace").split("\n")
        for mine, difference in found:
            differences[difference] += 1
            text = "\n".join(lines[mine.start_line - 1 : mine.end_line])
            name = reason(options.suffix, text, difference)
            if name:
                reasons[name] += 1
            elif difference:
                place = f"{path}:{mine.start_line}"
                unexplained.append((difference, place, mine.name))
    total = differences.total() or 1
    near = differences[0] + differences[1] + differences[-1]
    print(machine())
    print(
        f"{options.root} {options.suffix}: {differences.total()} functions, equal"
        f" {differences[0] / total:.2%}, within one {near / total:.2%};"
        f" lizard failed on {crashed} files"
    )
    apart = reasons.total()
    print(f"differ and hold what misleads lizard: {apart / total:.2%}")
    for name, count in reasons.most_common():
        print(f"  {count:>4} {name}")
    print(f"differ for another reason: {len(unexplained) / total:.2%}")
    for example in random.Random(0).sample(
        unexplained, min(options.show, len(unexplained))
    ):
        print(*example)


if __name__ == "__main__":
    main()
