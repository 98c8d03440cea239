"""``tiered-router replay --outcomes``: a policy judged on tasks with known outcomes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.cli.here import write_page
from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from rich.console import Console

    from openhands_tiered_router.cli.deciding import Decider
    from openhands_tiered_router.policy.value.table import Work
    from openhands_tiered_router.record.calibrate.samples import Task
    from openhands_tiered_router.record.replay.outcomes import Comparison, Judge
    from openhands_tiered_router.tiers import Tier

_SHOWN: Final = 8
"""Fixed ways in the table; --json has all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be replayed."""

    outcomes: Path
    issues: Path | None
    config: Path | None
    work: str | None
    value: float | None


def replay_outcomes(asked: Asked, as_json: bool, plot: Path | None) -> None:
    """Prints the configured policy's result beside those of all fixed ways.

    Raises:
        Failure: The page cannot be written.
        SampleError: A file cannot be used.
        OutcomeError: The configured models have no outcomes in it.
        DecidingError: The configuration cannot be used.
    """
    from openhands_tiered_router.cli.deciding import DecidingError, as_asked, decider
    from openhands_tiered_router.config import ConfigError, find_config
    from openhands_tiered_router.record.replay.outcomes import Judge, compare

    tasks = _tasks(asked)
    try:
        find_config(asked.config)  # without one there are no models to look up
    except ConfigError as error:
        raise DecidingError(str(error)) from None
    deciding = decider(asked.config)
    engine = as_asked(deciding.engine, asked.work, asked.value)
    deciding = replace(deciding, engine=engine)
    policy = deciding.engine.policy
    judge = Judge(policy.task_value, policy.catch_rate, policy.pass_rate)
    decide = _decide(deciding, _texts(asked.issues))
    found = compare(tasks, deciding.engine.tiers, decide, judge)
    if plot is not None:
        write_page(plot, _page(found, judge, asked))
    if as_json:
        click.echo(json.dumps({**asdict(judge), **asdict(found)}))
        return
    from rich.console import Console

    console = Console()
    _show(console, found, judge)
    if mixed := _mixed(tasks, policy.work):
        console.print(mixed, highlight=False, markup=False)
    if plot is not None:
        click.echo(f"Plot: {plot}")


def _mixed(tasks: Sequence[Task], work: Work) -> str:
    """What to know of tasks of several kinds, since success differs by kind; or ""."""
    from openhands_tiered_router.policy.value.table import BENCHMARKS

    kinds = Counter(BENCHMARKS.get(task.benchmark, "others") for task in tasks)
    if len(kinds) < 2:
        return ""
    named = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    return (
        f"several kinds of work ({named}), but the policy goes by what its models do "
        f"of one, {work}: --work compares a kind alone"
    )


def _tasks(asked: Asked) -> list[Task]:
    from openhands_tiered_router.policy.value.table import BENCHMARKS
    from openhands_tiered_router.record.calibrate.samples import SampleError, read_tasks

    tasks = read_tasks(asked.outcomes)
    if not tasks:
        raise SampleError(f"{asked.outcomes}: is empty; expected an object a line")
    if asked.work is None:
        return tasks
    kept = [t for t in tasks if BENCHMARKS.get(t.benchmark) == asked.work]
    if not kept:
        there = ", ".join(sorted({t.benchmark for t in tasks}))
        raise SampleError(
            f"{asked.outcomes}: no task of {asked.work}; its benchmarks are {there}"
        )
    return kept


def _texts(issues: Path | None) -> dict[str, str]:
    """What each task asks for, by its id."""
    from openhands_tiered_router.record.calibrate.samples import (
        IssueSample,
        read_samples,
    )

    if issues is None:
        return {}
    return {s.id: s.text for s in read_samples(issues) if isinstance(s, IssueSample)}


def _decide(
    deciding: Decider, texts: dict[str, str]
) -> Callable[[Task], Sequence[Tier]]:
    """The policy's way of a task, asked once for each text."""
    remembered: dict[str, Sequence[Tier]] = {}

    def decide(task: Task) -> Sequence[Tier]:
        text = texts.get(task.id, "")
        if text not in remembered:
            messages = [{"role": "user", "content": text}]
            decision, _ = deciding.decide(messages=messages, is_task=True)
            remembered[text] = decision.way or (decision.tier,)
        return remembered[text]

    return decide


def _show(console: Console, found: Comparison, judge: Judge) -> None:
    from rich.table import Table

    from openhands_tiered_router.record.plots import scatter_text

    table = Table(box=None, pad_edge=False)
    table.add_column("way", overflow="fold")
    for name in ("solved", "USD a task", "worth", "95 %"):
        table.add_column(name, justify="right")
    own, *fixed, best = found.rows
    for row in (own, *fixed[:_SHOWN], best):
        interval = f"{row.low:.2f} to {row.high:.2f}"
        figures = (f"{row.success:.1%}", f"{row.usd:.3f}", f"{row.worth:.3f}")
        table.add_row(row.name, *figures, interval)
    console.print(table)
    console.print(
        scatter_text(_points(found), min(console.width, 80)),
        highlight=False,
        markup=False,
    )
    chosen = ", ".join(f"{way} ({n})" for way, n in found.chosen.items())
    seen = (
        f"a verifier that catches {judge.catch:.0%} and passes {judge.accept:.0%}"
        if judge.catch
        else "no verifier"
    )
    console.print(
        "solved against USD a task; C: configured, o: fixed ways, H: hindsight",
        f"{counted(found.tasks, 'task')} at ${judge.value:g} a solved one, {seen}; "
        f"{found.skipped} left out for want of an outcome",
        f"configured: {chosen}",
        "worth: value x solved - cost; 95 %: bootstrap over tasks; hindsight: the best "
        "way of each task",
        sep="\n",
        highlight=False,
        markup=False,
    )


def _points(found: Comparison) -> list[Any]:
    from openhands_tiered_router.record.plots import Point

    own, *fixed, best = found.rows
    kinds = [(row, "efficient", "o") for row in fixed]
    kinds += [(best, "other", "H"), (own, "chosen", "C")]
    return [
        Point(row.name, max(row.usd, 1e-4), row.success, kind, mark)
        for row, kind, mark in kinds
    ]


def _page(found: Comparison, judge: Judge, asked: Asked) -> str:
    from openhands_tiered_router.record.plots import page, scatter

    title = f"Ways of trying {counted(found.tasks, 'task')} of {asked.outcomes.name}"
    caption = (
        f"At ${judge.value:g} a solved task the configured policy is worth "
        f"{found.rows[0].worth:.2f} a task ({found.rows[0].low:.2f} to "
        f"{found.rows[0].high:.2f}); the best fixed way, {found.rows[1].name}, "
        f"{found.rows[1].worth:.2f}."
    )
    return page(title, caption, scatter(_points(found), title))
