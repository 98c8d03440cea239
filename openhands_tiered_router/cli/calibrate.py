"""``tiered-router calibrate``: fit the weights of decisions to data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click


if TYPE_CHECKING:
    from collections.abc import Callable

    from openhands_tiered_router.policy.difficulty.task_weights import TaskWeights
    from openhands_tiered_router.record.calibrate.samples import (
        IssueSample,
        PromptSample,
        Task,
    )
    from openhands_tiered_router.record.calibrate.task import Calibration
    from openhands_tiered_router.record.replay.sessions import RecordedSession

UNUSABLE: Final = 2


@dataclass(frozen=True, slots=True)
class _Output:
    """Where a fit goes."""

    output: Path | None
    fitted: Path | None
    as_json: bool

    def take_up(
        self, part: str, content: dict[str, Any], evidence: dict[str, Any]
    ) -> None:
        """Into the file for the configuration, if one was given."""
        from openhands_tiered_router.record.calibrate.profile import write_part

        if self.fitted is not None:
            write_part(self.fitted, part, content, evidence)

    def say(self) -> None:
        """What was written."""
        files = [p for p in (self.output, self.fitted) if p]
        for path in files:
            click.echo(f"written to {path}")
        if not files:
            click.echo("not written: no --output, no --fitted")


_EPILOG: Final = """\b
Examples:
  tiered-router calibrate --from prompts.jsonl.gz
  tiered-router calibrate --from issues.jsonl --clones ~/src --fitted my.json
  tiered-router calibrate --from sessions.jsonl.gz -o next_turn.json
  tiered-router calibrate --from ~/.codex ~/.claude/projects --fitted my.json
  tiered-router calibrate --from outcomes.jsonl --as-of "June 2026" -o m.json

\b
Exit code:  0  fitted
            2  a file cannot be used, or scikit-learn is not installed
"""


@click.command(name="calibrate", epilog=_EPILOG)
@click.option(
    "--from",
    "sources",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Prompts, issues or outcomes (JSON Lines, plain or gzipped), or sessions as "
    "replay reads them: a path for each agent.",
)
@click.argument(
    "more",
    nargs=-1,
    type=click.Path(exists=True, path_type=Path),
    metavar="[PATH]...",
)
@click.option(
    "--clones",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of git clones that hold the issues' commits, for the code graph.",
)
@click.option(
    "--as-of",
    default="",
    metavar="TEXT",
    help="With outcomes: where they are from and when, for the table's readers.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write what was fitted to, alone.",
)
@click.option(
    "--fitted",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for [policy] fitted: takes up what was fitted beside what it has.",
)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON.")
@click.pass_context
def command(
    context: click.Context,
    sources: tuple[Path, ...],
    more: tuple[Path, ...],
    clones: Path | None,
    as_of: str,
    output: Path | None,
    fitted: Path | None,
    as_json: bool,
) -> None:
    """Fit the weights of decisions to data, and say how good the fit is.

    Each line of a file is a labelled prompt ({"prompt", "tier", "lang"}), an issue with
    outcomes ({"problem_statement", "repo", "base_commit", "outcomes"}) or the outcomes
    alone ({"benchmark", "instance_id", "outcomes"}); or a path holds recorded sessions,
    in any form that replay reads. Prompts and issues give a profile of the task score,
    in which what they hold no samples for stays as it is; sessions give the model of
    the next turn, outcomes alone the table of models; neither can be mixed with the
    others. No text is kept.
    """
    from openhands_tiered_router.record.calibrate.numeric import MissingExtraError
    from openhands_tiered_router.record.calibrate.samples import (
        Task,
        holds_recordings,
        read_samples,
        with_outcomes,
    )

    paths, into = (*sources, *more), _Output(output, fitted, as_json)
    if not paths:
        raise click.UsageError("give --from with files or directories")
    try:
        if all(map(holds_recordings, paths)):
            _fit_sessions(paths, into)
            return
        samples = [sample for path in paths for sample in read_samples(path)]
        tasks = [sample for sample in samples if isinstance(sample, Task)]
        if tasks and len(tasks) == len(samples):
            source = as_of or ", ".join(path.name for path in paths)
            _tabulate(tasks, source, into)
        else:
            _fit_task(with_outcomes(samples), clones, into)
    except (ValueError, MissingExtraError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        context.exit(UNUSABLE)


def _fit_task(
    samples: Sequence[PromptSample | IssueSample], clones: Path | None, into: _Output
) -> None:
    from openhands_tiered_router.policy.difficulty.task_weights import default_weights
    from openhands_tiered_router.record.calibrate.profile import write_profile
    from openhands_tiered_router.record.calibrate.task import calibrate_task

    current = default_weights()
    with _progress(quiet=into.as_json) as report:
        fitted = calibrate_task(samples, current, clones=clones, report=report)
    if into.output is not None:
        write_profile(into.output, fitted.profile)
    into.take_up("task", fitted.profile, fitted.profile["fit"])
    if into.as_json:
        click.echo(json.dumps(fitted.profile, indent=1))
    else:
        _show(fitted, current)
        into.say()


def _tabulate(tasks: Sequence[Task], source: str, into: _Output) -> None:
    from openhands_tiered_router.record.calibrate.numeric import numerics
    from openhands_tiered_router.record.calibrate.outcomes import table_json

    with _progress(quiet=into.as_json) as report, numerics():
        report("models")
        content = table_json(tasks, source)
    text = json.dumps(content, indent=1)
    # A model's row on one line: what a reader compares stays together.
    text = re.sub(r"\[\s+(\S+)\s+(\S+)\s+(\S+)\s+\]", r"[\1 \2 \3]", text)
    if into.output is not None:
        into.output.write_text(text + "\n", "utf-8")
    if into.as_json:
        click.echo(text)
        return
    for name, row in content["works"].items():
        click.echo(f"{name}: " + ", ".join(f"{k} {v}" for k, v in row.items()))
    click.echo(f"{len(content['models'])} models")
    into.say()


def _fit_sessions(paths: Sequence[Path], into: _Output) -> None:
    from openhands_tiered_router.record.calibrate.next_turn import (
        fit_next_turn,
        write_next_turn,
    )
    from openhands_tiered_router.record.replay.recordings import read_recordings

    with _progress(quiet=into.as_json) as report:
        report("sessions")
        agents: dict[str, list[RecordedSession]] = {}
        for path in paths:
            name = _agent(path)
            agents[str(path) if name in agents else name] = read_recordings(path)
        fit = fit_next_turn(agents)
    if into.output is not None:
        write_next_turn(fit, into.output)
    into.take_up("next_turn", fit.data, fit.data["fitted"])
    if into.as_json:
        click.echo(json.dumps(fit.data))
        return
    _show_model(fit.data["fitted"])
    into.say()


def _agent(path: Path) -> str:
    """The agent whose sessions a path holds: its name up to the first dot."""
    return path.name.lstrip(".").split(".")[0]


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    from rich.console import Console

    console = Console(stderr=True, quiet=quiet)
    with console.status("reading") as status:
        yield lambda what: status.update(f"fitting: {what}")


def _show_model(fitted: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for name, value in fitted.items():
        if not isinstance(value, list | dict):
            console.print(f"{name}: {value}", highlight=False)
    console.print(
        _agents_table("Predicted by folds that left out the task", fitted["agents"])
    )
    if fitted["left_out"]:
        console.print(
            _agents_table("Predicted with the agent left out", fitted["left_out"])
        )
    table = Table(title="Reliability, on held-out tasks", box=None)
    for column in ("turns", "predicted", "mechanical"):
        table.add_column(column, justify="right")
    for count, predicted, share in fitted["reliability"]:
        table.add_row(str(count), f"{predicted:.3f}", f"{share:.3f}")
    console.print(table)


def _agents_table(title: str, figures: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title=title, box=None)
    table.add_column("agent")
    for column in ("turns", "AUC", "AUC, open", "calibration error", "by chance"):
        table.add_column(column, justify="right")
    for agent, found in figures.items():
        cells = [_with_interval(found[k]) for k in ("auc", "auc_open", "ece")]
        chance = f"{found['ece_by_chance']:.3f}"
        table.add_row(agent, str(found["turns"]), *cells, chance)
    return table


def _with_interval(figure: list[float] | None) -> str:
    if figure is None:
        return "-"
    value, low, high = figure
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _show(fitted: Calibration, current: TaskWeights) -> None:
    from rich.console import Console

    console = Console()
    console.print(_weights_table(fitted.profile, current))
    for name, agreement in fitted.prompts.items():
        console.print(
            f"prompts, {name}: exact {agreement.exact}, under-routed {agreement.under}"
        )
    for name, figure in fitted.issues.items():
        console.print(f"issues, held-out repositories, {name}: mean AUC {figure}")


def _weights_table(profile: dict[str, Any], current: TaskWeights) -> Any:
    from rich.table import Table

    table = Table(title="Weights, before and after")
    table.add_column("dimension")
    for head in ("prompt", "issue"):
        table.add_column(f"{head}, before", justify="right")
        table.add_column("after", justify="right")
    before = {"prompt": current.prompt, "issue": current.issue}
    names = profile["prompt"]["weights"]
    for name in names:
        cells = [
            f"{value:.3f}"
            for head in ("prompt", "issue")
            for value in (before[head].weights[name], profile[head]["weights"][name])
        ]
        table.add_row(name, *cells)
    bases = [
        f"{value:.3f}"
        for head in ("prompt", "issue")
        for value in (before[head].base, profile[head]["base"])
    ]
    table.add_row("base", *bases, end_section=True)
    return table
