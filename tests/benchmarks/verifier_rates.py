"""How often the verifier passes right work, and catches wrong work.

    uv run python tests/benchmarks/verifier_rates.py CLONES --python PYTHON

CLONES is a directory of git repositories of Python projects; PYTHON an interpreter that
has pytest and what their tests need. Of each repository it takes recent commits that
repair something and bring a test for it. The workspace is the parent commit; the hidden
truth is the commit's own tests, of which some must fail before and pass after.

Works: the fix without its tests, and with them (right); a comment alone, the fix
without one of its hunks, and the fix with one changed line mutated, if the hidden tests
then fail (wrong). Each is judged as it is, and, if the verifier asks for tests, again
with an answer: for right work the commit's own tests, for wrong work the same with each
that it fails made empty, as by an agent that wants to be done. No answer at all needs
no run: old tests that still fail are then a rejection, and work that nothing notices is
not judged. Caught is what is not passed.

With --json it goes on where an earlier run with the same file ended.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openhands_tiered_router.guards.verify.git import Repository
from openhands_tiered_router.guards.verify.judgement import (
    REJECTIONS,
    Judgement,
    Reason,
)
from openhands_tiered_router.guards.verify.runs import Earlier
from openhands_tiered_router.guards.verify.settings import VerifySettings
from openhands_tiered_router.guards.verify.verifier import Verifier
from openhands_tiered_router.record.telemetry.verdicts import wilson


UNFIT = "unfit"
"""Marks a commit whose tests do not tell before from after."""
REPAIRS = re.compile(r"\b(?:fix|bug|regress|incorrect|wrong|crash|repair)", re.I)
MUTANTS = (
    ("==", "!="), ("!=", "=="), ("<=", "<"), (">=", ">"), (" < ", " >= "),
    (" > ", " <= "), (" and ", " or "), (" or ", " and "), (" not ", " "),
    ("True", "False"), ("False", "True"), ("None", "0"), (" + ", " - "),
    (" is ", " is not "), (" in ", " not in "), ("[0]", "[1]"),
    ("return ", "return not "),
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One commit that repairs something."""

    repository: str
    commit: str
    message: str
    code: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One work, judged."""

    repository: str
    commit: str
    work: str
    reason: str
    after: str
    """The reason after an answer to the question; the same, if there was none."""
    seconds: float
    cpu: float
    """Seconds of processor time, which depends less on what else the machine does."""


type Hit = Callable[[Row], bool]


def git(place: Path, *words: str, given: str | None = None) -> str:
    done = subprocess.run(
        ["git", "-c", "core.hooksPath=/dev/null", *words],
        cwd=place, capture_output=True, text=True, input=given, check=True,
        errors="replace",
    )  # fmt: skip
    return done.stdout


def name_of(clone: Path) -> str:
    return clone.name.split("+")[-1]


def is_test(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith("test_") or name.endswith("_test.py")


def tasks(clone: Path, most: int) -> Iterator[Task]:
    log = git(clone, "log", "--no-merges", "-n", "1500", "--format=%H%x00%s")
    for line in log.splitlines():
        commit, _, subject = line.partition("\0")
        if not REPAIRS.search(subject):
            continue
        stat = git(clone, "show", "--numstat", "--format=", commit).split("\n")
        rows = [r.split("\t") for r in stat if r.count("\t") == 2]
        python = [r for r in rows if r[2].endswith(".py") and "=>" not in r[2]]
        code = tuple(r[2] for r in python if not is_test(r[2]) and "test" not in r[2])
        tests = tuple(r[2] for r in python if is_test(r[2]))
        lines = sum(int(r[0]) + int(r[1]) for r in python if r[2] in code)
        if tests and 0 < len(code) <= 3 and lines <= 60:
            yield Task(name_of(clone), commit, subject, code, tests)
            most -= 1
        if not most:
            return


class Workspace:
    """A working tree at the parent of a task's commit."""

    def __init__(self, clone: Path, task: Task, root: Path, python: str) -> None:
        self.task, self.root = task, root
        clone_to = ("clone", "-q", "--shared", "--no-checkout")
        git(root.parent, *clone_to, str(clone.resolve()), str(root))
        git(root, "checkout", "-q", "--detach", f"{task.commit}^")
        shim = root / ".venv" / "bin" / "python"
        shim.parent.mkdir(parents=True)
        path = 'PYTHONPATH="$PYTHONPATH:$PWD/src:$PWD"'
        shim.write_text(f'#!/bin/sh\n{path} exec {python} "$@"\n')
        shim.chmod(0o755)
        (root / ".git" / "info" / "exclude").write_text(".venv/\n__pycache__/\n")
        self.base = Repository.of(root).head()
        self.fix = {p: self.text(task.commit, p) for p in task.code}
        self.before = {p: self.text(f"{task.commit}^", p) for p in task.code}
        self.hidden = {p: self.text(task.commit, p) for p in task.tests}

    def text(self, commit: str, path: str) -> str:
        try:
            return git(self.root, "show", f"{commit}:{path}")
        except subprocess.CalledProcessError:
            return ""

    def put(self, *files: dict[str, str]) -> None:
        """The parent's tree with these files in it."""
        git(self.root, "checkout", "-q", "--", ".")
        git(self.root, "clean", "-q", "-fd")
        for path, text in (pair for each in files for pair in each.items()):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)

    def failing(self) -> set[str] | None:
        """Names of the hidden tests that fail; ``None``: they cannot be run."""
        argv = [str(self.root / ".venv/bin/python"), "-m", "pytest", "-q", "-rfE"]
        argv += ["--tb=no", "-p", "no:cacheprovider", *self.task.tests]
        try:
            done = subprocess.run(
                argv, cwd=self.root, capture_output=True, text=True, timeout=120,
                check=False, env={**os.environ, "PYTHONHASHSEED": "0"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
        if done.returncode not in (0, 1):
            return None
        found = re.findall(r"^(?:FAILED|ERROR) \S+?::(\S+)", done.stdout, re.MULTILINE)
        return {name.split("[")[0].split("::")[-1] for name in found}

    def judge(
        self, known: Earlier, *files: dict[str, str], asked: Reason | None = None
    ) -> Judgement:
        """A verdict; ``known``: the rounds before this one on the same work."""
        self.put(*files)
        settings = VerifySettings()
        verifier = Verifier(self.root, settings, memory=lambda *_: known)
        return verifier.judge(self.base, [], self.task.message, asked=asked)


def spent() -> tuple[float, float]:
    """The clock, and the processor time of this process and those it ran."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return time.monotonic(), sum(u.ru_utime + u.ru_stime for u in used)


def emptied(source: str, names: set[str]) -> str:
    """A test file in which some of its functions check nothing."""
    lines = source.splitlines(keepends=True)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, kinds)]
    for node in sorted(nodes, key=lambda n: -n.lineno):
        first, last = node.body[0].lineno, node.end_lineno
        if node.name in names and first > node.lineno:
            lines[first - 1 : last] = [f"{' ' * (node.col_offset + 4)}pass\n"]
    return "".join(lines)


def wrong_works(space: Workspace, chance: random.Random) -> Iterator[tuple[str, dict]]:
    path = space.task.code[0]
    yield "comment", {path: f"{space.before[path].rstrip()}\n\n# See the issue.\n"}
    yield from (("partial", files) for files in partial(space))
    mutants = []
    for path, text in space.fix.items():
        lines, old = text.splitlines(), set(space.before[path].splitlines())
        for number, line in enumerate(lines):
            if line in old or line.lstrip().startswith("#"):
                continue
            for one, other in MUTANTS:
                if one in line:
                    changed = [*lines]
                    changed[number] = line.replace(one, other, 1)
                    mutants.append({**space.fix, path: "\n".join(changed) + "\n"})
    chance.shuffle(mutants)
    yield from (("mutant", files) for files in mutants[:4])


def partial(space: Workspace) -> Iterator[dict[str, str]]:
    """The fix without one hunk, each in turn, two at most."""
    commit = space.task.commit
    for path in space.task.code:
        diff = git(space.root, "diff", "-U0", f"{commit}^", commit, "--", path)
        head, *hunks = re.split(r"(?m)^(?=@@ )", diff)
        if len(hunks) < 2:
            continue
        for left_out in range(min(2, len(hunks))):
            space.put()
            kept = [h for i, h in enumerate(hunks) if i != left_out]
            words = ("apply", "--unidiff-zero", "--whitespace=nowarn", "-")
            try:
                git(space.root, *words, given=head + "".join(kept))
            except subprocess.CalledProcessError:
                continue
            yield {**space.fix, path: (space.root / path).read_text()}


def judged(space: Workspace, chance: random.Random) -> Iterator[Row]:
    task = space.task
    space.put(space.hidden)
    before = space.failing()
    space.put(space.fix, space.hidden)
    # Some may fail for want of a package, with the fix and without it.
    after = space.failing()
    if before is None or after is None or before <= after:
        return

    def row(work: str, files: dict[str, str], own: dict[str, str] | None) -> Row:
        known, rounds, since = Earlier(), 1, spent()
        judgement = second = space.judge(known, files)
        if judgement.accepted is None and judgement.evidence and own is not None:
            second, rounds = space.judge(known, files, own, asked=judgement.reason), 2
        names = (str(judgement.reason), str(second.reason))
        took = ((b - a) / rounds for a, b in zip(since, spent(), strict=True))
        return Row(task.repository, task.commit[:10], work, *names, *took)

    yield row("right", space.fix, space.hidden)
    yield row("right + tests", {**space.fix, **space.hidden}, None)
    counted: dict[str, int] = {}
    for work, files in wrong_works(space, chance):
        space.put(files, space.hidden)
        failing = (space.failing() or set()) - after
        if not failing or counted.get(work, 0) >= 1:
            continue
        counted[work] = 1
        own = {p: emptied(t, failing) for p, t in space.hidden.items()}
        yield row(work, files, own)


def interval(rows: Sequence[Row], hit: Hit) -> tuple[float, float, float]:
    """A rate with its bootstrap interval of 95 %, whole repositories drawn.

    Where all rows agree, a bootstrap has no width: it is at least Wilson's interval of
    as many trials as there are commits.
    """
    groups: dict[str, list[bool]] = {}
    for row in rows:
        groups.setdefault(row.repository, []).append(hit(row))
    chance, found = random.Random(1), []
    for _ in range(2_000):
        drawn = [
            x for name in chance.choices([*groups], k=len(groups)) for x in groups[name]
        ]
        found.append(sum(drawn) / len(drawn))
    found.sort()
    every = [x for each in groups.values() for x in each]
    rate, trials = sum(every) / len(every), len({r.commit for r in rows})
    low, high = wilson(rate, trials)
    return rate, min(found[49], low), max(found[1949], high)


def passed(row: Row) -> bool:
    return row.after == Reason.PASSED


def caught(row: Row) -> bool:
    return not passed(row)


def about_old_tests(row: Row) -> bool:
    return row.reason == Reason.OLD_TESTS_FAIL


def unanswered(row: Row) -> bool:
    """Whether it is rejected, at last, if the agent does nothing when it is asked."""
    return row.reason in REJECTIONS or about_old_tests(row)


WRONG = ("partial", "mutant")
LINES: tuple[tuple[str, tuple[str, ...], Hit], ...] = (
    ("right, with tests: passed", ("right + tests",), passed),
    ("right: asked about old tests", ("right",), about_old_tests),
    ("  answered: passed", ("right",), passed),
    ("  answered: rejected", ("right",), lambda r: r.after in REJECTIONS),
    ("  unanswered: rejected", ("right",), unanswered),
    ("comment only: caught", ("comment",), caught),
    ("both: asked about old tests", WRONG, about_old_tests),
    ("  answered: caught", WRONG, caught),
    ("  answered: rejected", WRONG, lambda r: r.after in REJECTIONS),
    ("  unanswered: caught", WRONG, lambda r: r.reason != Reason.PASSED),
    ("  unanswered: rejected", WRONG, unanswered),
)


def report(rows: Sequence[Row]) -> None:
    commits = {(r.repository, r.commit) for r in rows}
    load = os.getloadavg()[0]
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}")
    names = ", ".join(sorted({r.repository for r in rows}))
    print(f"{len(commits)} commits of {names}")
    for title, works, hit in LINES:
        mine = [r for r in rows if r.work in works]
        if mine:
            rate, low, high = interval(mine, hit)
            count = f"{sum(map(hit, mine))} of {len(mine)}"
            print(f"{title:28} {count:10}  {rate:.2f} [{low:.2f}, {high:.2f}]")
    clock = statistics.median(r.seconds for r in rows)
    cpu = statistics.median(r.cpu for r in rows)
    print(f"median {clock:.1f} s, {cpu:.1f} s of processor time, a verdict")


def measured(clone: Path, task: Task, python: str) -> list[Row]:
    """The verdicts on one commit; where it is not fit for any, a row that says so."""
    with tempfile.TemporaryDirectory(prefix="verifier-rates-") as name:
        try:
            space = Workspace(clone, task, Path(name) / "work", python)
            found = list(judged(space, random.Random(task.commit)))
        except (subprocess.SubprocessError, UnicodeError, SyntaxError) as error:
            print(f"{task.repository} {task.commit[:10]}: {type(error).__name__}")
            found = []
    return found or [Row(task.repository, task.commit[:10], UNFIT, "", "", 0, 0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clones", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--commits", type=int, default=12, help="of each repository")
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--json", type=Path, help="file to append each verdict to")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    clones = sorted(p for p in options.clones.iterdir() if p.is_dir())
    queues = [(clone, tasks(clone, 10 * options.commits)) for clone in clones]
    kept = options.json.read_text() if options.json and options.json.exists() else ""
    rows = [Row(**json.loads(line)) for line in kept.splitlines()]
    while queues and time.monotonic() < end:
        clone, queue = queues.pop(0)
        seen = {r.commit for r in rows}
        task = next((t for t in queue if t.commit[:10] not in seen), None)
        mine = [r for r in rows if r.repository == name_of(clone)]
        fit = {r.commit for r in mine if r.work != UNFIT}
        if task is None or len(fit) >= options.commits:
            continue
        queues.append((clone, queue))
        for row in measured(clone, task, options.python):
            rows.append(row)
            print(f"{row.repository:16} {row.commit} {row.work:14} {row.reason:18}"
                  f" {row.after:18} {row.seconds:5.1f} s", flush=True)  # fmt: skip
            if options.json:
                with options.json.open("a") as file:
                    file.write(json.dumps(row.__dict__) + "\n")
    if rows := [r for r in rows if r.work != UNFIT]:
        report(rows)


if __name__ == "__main__":
    main()
