"""Write the calls of a Python tree as jedi resolves them, as a sites file.

    uv run --with jedi python tests/benchmarks/graph_calls_python.py ROOT > SITES
    python tests/benchmarks/graph_calls.py ROOT --sites SITES

Only the files below ROOT are read, so that what is installed makes no difference. Jedi
misses calls, too: what it cannot resolve counts neither for nor against us.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import jedi  # pyright: ignore[reportMissingImports]


def callees(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """Yield where the name of each callee begins: line and column in bytes."""
    for node in ast.walk(tree):
        found = node.func if isinstance(node, ast.Call) else None
        if isinstance(found, ast.Name):
            yield found.lineno, found.col_offset
        elif isinstance(found, ast.Attribute) and found.end_col_offset is not None:
            line = found.end_lineno or found.lineno
            yield line, found.end_col_offset - len(found.attr.encode())


def main() -> None:
    """Print the sites file."""
    root = Path(sys.argv[1]).resolve()
    project = jedi.Project(root, sys_path=[str(root), str(root / "src")])
    for path in sorted(root.rglob("*.py")):
        text = path.read_text("utf-8", "replace")
        try:
            places = list(callees(ast.parse(text)))
        except SyntaxError:
            continue
        script = jedi.Script(text, path=path, project=project)
        lines = text.split("\n")
        for line, column in places:
            at = len(lines[line - 1].encode()[:column].decode("utf-8", "replace"))
            try:
                found = script.goto(line, at, follow_imports=True)
            except Exception as error:  # jedi fails on some code
                print(f"{path}:{line}: {type(error).__name__}", file=sys.stderr)
                continue
            known = [d for d in found if d.type in ("function", "class")]
            for name in known:
                home = name.module_path
                inside = home is not None and home.is_relative_to(root)
                place = f"{home}:{name.line}" if inside else ""
                print(f"{path}:{line}:{column + 1}\t{place}")


if __name__ == "__main__":
    main()
