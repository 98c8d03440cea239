"""``tiered-router calibrate --from telemetry``: judge policies by what is on record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from openhands_tiered_router.config import RouterConfig
    from openhands_tiered_router.record.calibrate.judge import Judgement
    from openhands_tiered_router.record.calibrate.logs import LoggedTurn
    from openhands_tiered_router.record.calibrate.off_policy import Estimate

DONE: Final = 0
REFUSED: Final = 3
"""Exit code: the logs are too few to tell about a policy."""


def judge_policies(
    telemetry: Path,
    configs: Sequence[Path | None],
    as_json: bool,
    fitted: Path | None = None,
) -> int:
    """Prints what each policy would have cost and achieved; returns the exit code.

    Args:
        telemetry: The file.
        configs: Configuration files; ``None``: the one that other commands find.
        as_json: JSON instead of a table.
        fitted: File for ``[policy] fitted``: takes up a cheaper ``economy``.

    Raises:
        ValueError: A file cannot be used.
        MissingExtraError: scikit-learn is not installed.
    """
    from openhands_tiered_router.config import open_config
    from openhands_tiered_router.record.calibrate.judge import judge
    from openhands_tiered_router.record.calibrate.logs import ThinLogError, read_turns
    from openhands_tiered_router.record.calibrate.numeric import numerics

    try:
        turns = read_turns(telemetry)
    except ThinLogError as error:
        click.echo(f"error: {error}", err=True)
        return REFUSED
    if fitted is not None:
        with numerics():
            return _tune(turns, open_config(configs[0]), fitted, as_json)
    with numerics():
        found = [judge(turns, open_config(path)) for path in configs]
    if as_json:
        click.echo(json.dumps([_plain(j) for j in found], indent=1))
    else:
        _show(found)
    return REFUSED if any(j.refusal for j in found) else DONE


def _tune(
    turns: Sequence[LoggedTurn], config: RouterConfig, fitted: Path, as_json: bool
) -> int:
    """Puts a cheaper ``economy`` into the file, if the logs show one."""
    from openhands_tiered_router.record.calibrate.fitted_file import write_part
    from openhands_tiered_router.record.calibrate.judge import redecider_of
    from openhands_tiered_router.record.calibrate.off_policy import TooFewError
    from openhands_tiered_router.record.calibrate.tune import tune

    try:
        found = tune(turns, redecider_of(config, turns))
    except TooFewError as error:
        click.echo(f"nothing written: {error}", err=True)
        return REFUSED
    evidence = asdict(found)
    version = write_part(fitted, "policy", {"economy": found.economy}, evidence)
    if as_json:
        click.echo(json.dumps(evidence, indent=1))
        return DONE
    outcomes = {"USD a turn": found.usd}
    if found.clean is not None:
        outcomes["turns without a failed tool call"] = found.clean
    from rich.console import Console

    console = Console()
    console.print(
        f"economy {found.economy:g}, on {counted(found.sessions, 'session')} that it "
        "was not chosen on:",
        highlight=False,
    )
    console.print(_table(outcomes))
    click.echo(f"written to {fitted}, version {version}")
    return DONE


def _plain(judgement: Judgement) -> dict[str, Any]:
    return {k: v for k, v in asdict(judgement).items() if v is not None}


def _show(found: Sequence[Judgement]) -> None:
    from rich.console import Console

    console = Console()
    for judgement in found:
        console.print(judgement.policy, style="bold", highlight=False, soft_wrap=True)
        support = judgement.support
        if support is not None:
            console.print(
                f"{counted(support.sessions, 'session')}, "
                f"{counted(support.turns, 'turn')}; another tier than the logged "
                f"policy preferred on {support.different:.0%}, tried "
                f"there on {support.effective:.0f} (effective); never possible on "
                f"{support.untried:.0%}",
                highlight=False,
            )
        if judgement.refusal is not None:
            console.print(f"not estimated: {judgement.refusal}", highlight=False)
        elif judgement.outcomes:
            console.print(_table(judgement.outcomes))
        for note in judgement.notes:
            console.print(note, highlight=False)
    console.print(
        "One turn at a time: what a choice does to later turns is not in these "
        "figures. 95 %: bootstrap over sessions.",
        highlight=False,
    )


def _table(outcomes: Mapping[str, Estimate]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("outcome")
    for name in ("as logged", "doubly robust (95 %)", "IPS (95 %)", "difference"):
        table.add_column(name, justify="right")
    for name, estimate in outcomes.items():
        table.add_row(
            name,
            f"{estimate.logged.value:.4f}",
            *map(_interval, (estimate.doubly_robust, estimate.ips)),
            _interval(estimate.difference),
        )
    return table


def _interval(figure: Any) -> str:
    return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"
