"""``tiered-router advise``: which models to put into the tiers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.cli.here import Failure, Number, write_page
from openhands_tiered_router.pages import doc_page
from openhands_tiered_router.policy.value.advice import Advice, Plan, advise, models_of
from openhands_tiered_router.policy.value.strength import Verdicts
from openhands_tiered_router.policy.value.table import Table, Work, default_table
from openhands_tiered_router.policy.value.ways import Odds


if TYPE_CHECKING:
    from rich.console import Console

    from openhands_tiered_router.config.offers import Offer
    from openhands_tiered_router.record.plots import Point


_EPILOG: Final = f"""\b
Kinds of work, and the benchmark that stands for each:
  bugs      fixing reported bugs (SWE-bench Verified)
  frontend  the same with pictures of a user interface (SWE-bench Multimodal)
  tests     writing tests for reported bugs (SWT-bench)
  apps      building from a specification (Commit0; few tasks)
  research  gathering information (GAIA)

\b
Examples:
  tiered-router advise                        with the keys that are set
  tiered-router advise --value 20 --any       with any provider's models
  tiered-router advise --work tests --no-verify
  tiered-router advise --model claude-opus-4-8 --model MiniMax-M3 --json
  tiered-router advise --write tiered-router.toml --plot models.html

\b
Exit code:  0  advised
            2  no model is at hand, or a file cannot be written

\b
More: {doc_page("value")}
"""


@click.command(name="advise", epilog=_EPILOG)
@click.option(
    "--value",
    type=Number(min=0, max=1_000_000),
    default=5.0,
    show_default=True,
    help="USD that a solved task is worth to you.",
)
@click.option(
    "--work",
    type=click.Choice([str(work) for work in Work]),
    default="bugs",
    show_default=True,
    help="Kind of work.",
)
@click.option("--any", "anything", is_flag=True, help="Whatever keys are set.")
@click.option(
    "--model", "models", multiple=True, help="Choose among these only; repeat it."
)
@click.option(
    "--verify/--no-verify",
    default=True,
    show_default=True,
    help="Whether tests judge finished work, so that a stronger model can follow.",
)
@click.option(
    "--write",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the configuration to this file; never over one that exists.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write success against cost as a page (HTML with SVG).",
)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON.")
def command(
    value: float,
    work: str,
    anything: bool,
    models: tuple[str, ...],
    verify: bool,
    write: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Say which models to put into the tiers, for what a solved task is worth.

    Calls no model. Success and cost are published results with the OpenHands agent;
    what several models solve one after another is a model of them; the
    page below explains it.
    """
    found = _Found.of(Work(work), models, anything, value, verify)
    if write is not None:
        _write_new(write, found.config())
    if plot is not None:
        write_page(plot, found.page())
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    from rich.console import Console

    _show(Console(), found, write)
    if plot is not None:
        click.echo(f"Plot: {plot}")


@dataclass(frozen=True)
class _Found:
    """Advice with all that it is shown with."""

    table: Table
    work: Work
    odds: Odds
    advice: Advice
    offers: Mapping[str, Offer]
    note: str

    @classmethod
    def of(
        cls,
        work: Work,
        models: tuple[str, ...],
        anything: bool,
        value: float,
        verify: bool,
    ) -> _Found:
        from openhands_tiered_router.config.offers import offers
        from openhands_tiered_router.policy.economics.price_book import (
            default_price_book,
        )

        table = default_table()
        found = offers(table, default_price_book(), os.environ)
        names, note = _names(table, found, models, anything)
        odds = _odds(table, work, value, verify)
        verdicts = _verdicts()
        if count := sum(v.solved + v.failed for v in verdicts.values()):
            note = f"{note}, with {count} of your verdicts".removeprefix(", ")
        advice = advise(models_of(table, work, names, verdicts), odds)
        if advice is None:
            raise Failure(
                f"none of {', '.join(names)} has results for {work}; give other models"
            )
        return cls(table, work, odds, advice, found, note)

    def points(self) -> list[Point]:
        """What the plot shows: models, and the advised way."""
        from openhands_tiered_router.record.plots import Point

        chosen = {m.name: str(t) for t, m in self.advice.seats.items()}
        points = [
            Point(m.name, max(m.usd, 1e-4), m.success, "other", ".")
            for m in self.advice.others
        ]
        for plan in self.advice.singles:
            model = plan.models[0]
            name, tier = model.name, chosen.get(model.name)
            kind, mark = ("chosen", tier[0]) if tier else ("efficient", "o")
            label = f"{name} ({tier})" if tier else name
            usd = max(model.usd, 1e-4)
            points.append(Point(label, usd, model.success, kind, mark))
        best = self.advice.best
        if len(best.models) > 1:
            usd = max(best.usd, 1e-4)
            points.append(Point("the way", usd, best.success, "chosen", "W"))
        return points

    def page(self) -> str:
        """The plot as a page."""
        from openhands_tiered_router.record.plots import page, scatter

        title = f"Models for {self.work} at ${self.odds.value:g} a solved task"
        caption = (
            f"{self.table.source}. Green: the tiers' models, and the way: "
            f"{self.way()}. Blue: efficient too. Grey: beaten by another in success "
            "and cost."
        )
        return page(title, caption, scatter(self.points(), title))

    def way(self) -> str:
        """The tiers that a task goes through while its work is rejected."""
        tried = self.advice.best.models
        return ", then ".join(
            str(t) for t, m in self.advice.seats.items() if m in tried
        )

    def config(self) -> str:
        """The configuration that says so."""
        from openhands_tiered_router.config.presets import PresetEndpoint
        from openhands_tiered_router.config.template import render
        from openhands_tiered_router.policy.economics.price_book import (
            default_price_book,
        )

        endpoints = {}
        for tier, model in self.advice.seats.items():
            offer = self.offers.get(model.name)
            said = f"{model.success:.0%} solved at ${model.usd:.2g} a task, published."
            keys = {"api_key_env": offer.variable} if offer else {}
            name = offer.model if offer else f"PROVIDER/{model.name}"
            endpoints[tier] = PresetEndpoint(name, keys, note=said)
        head = f"policy.task_value = {self.odds.value}\n"
        if self.work is not Work.BUGS:
            head += f'policy.work = "{self.work}"\n'
        if len(self.advice.best.models) > 1:
            head += "verify.enabled = true\n"
        return f"{head}\n{render(endpoints, default_price_book())}"

    def as_dict(self) -> dict[str, Any]:
        """The advice for a program."""
        advice = self.advice
        return {
            "work": self.work,
            "value": self.odds.value,
            "source": self.table.source,
            "tiers": {
                str(tier): {**asdict(m), "model": _model(self.offers, m.name)}
                for tier, m in advice.seats.items()
            },
            "way": _plan(advice.best, self.odds.value),
            "efficient": [_plan(p, self.odds.value) for p in advice.singles],
            "beaten": [m.name for m in advice.others],
            "note": self.note,
            "config": self.config(),
        }


def _verdicts() -> dict[str, Verdicts]:
    """What became of the user's own tasks, as far as it is recorded."""
    from openhands_tiered_router.record.telemetry.opening import (
        TelemetryReadError,
        path_from,
    )
    from openhands_tiered_router.record.telemetry.verdicts import verdicts_by_model

    path = path_from(os.environ)
    try:
        found = {} if path is None else verdicts_by_model(path)
    except TelemetryReadError as error:
        click.echo(f"warning: your verdicts are not counted: {error}", err=True)
        return {}
    return {model: Verdicts(*counts) for model, counts in found.items()}


def _model(offers: Mapping[str, Offer], name: str) -> str | None:
    return offers[name].model if name in offers else None


def _plan(plan: Plan, value: float) -> dict[str, Any]:
    return {
        "models": [m.name for m in plan.models],
        "success": round(plan.success, 4),
        "usd": round(plan.usd, 4),
        "worth": round(plan.worth(value), 4),
    }


def _names(
    table: Table, offers: Mapping[str, Offer], models: tuple[str, ...], anything: bool
) -> tuple[list[str], str]:
    """The models to choose among, and what the user should know of that choice."""
    if models:
        found = {model: table.find(model) for model in models}
        unknown = [model for model, name in found.items() if name is None]
        if unknown:
            raise Failure(
                f"no published results of {', '.join(unknown)}; there are those of "
                f"{', '.join(table.results)}"
            )
        return [name for name in found.values() if name], ""
    if anything:
        return list(table.results), "of all providers"
    held = [name for name, offer in offers.items() if offer.at_hand]
    if held:
        providers = sorted({o.provider for o in offers.values() if o.at_hand})
        return held, f"with the keys of {', '.join(providers)}"
    return list(table.results), "of all providers, as no provider's key is set"


def _odds(table: Table, work: Work, value: float, verify: bool) -> Odds:
    from openhands_tiered_router.guards.verify.settings import VerifySettings

    usual, spread = VerifySettings(), table.spread(work)
    catch, accept = (usual.catch_rate, usual.pass_rate) if verify else (0.0, 1.0)
    return Odds(value, catch, accept, sigma=spread.sigma, growth=spread.growth)


def _write_new(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Failure(f"{path} exists; name another file, or remove it") from None
    except OSError as error:
        raise Failure(f"{path}: cannot be written: {error.strerror}") from None


def _show(console: Console, found: _Found, written: Path | None) -> None:
    from rich.table import Table as Grid

    from openhands_tiered_router.record.plots import scatter_text

    advice, value = found.advice, found.odds.value
    console.print(
        f"Models for {found.work}, {found.note or 'of those given'}, at ${value:g} a "
        "solved task",
        highlight=False,
    )
    grid = Grid(box=None, pad_edge=False)
    grid.add_column("tier")
    grid.add_column("model", overflow="fold")
    for name in ("solved", "USD a task", "worth"):
        grid.add_column(name, justify="right")
    for tier, m in advice.seats.items():
        alone = value * m.success - m.usd
        grid.add_row(
            str(tier), m.name, f"{m.success:.1%}", f"{m.usd:.3f}", f"{alone:.2f}"
        )
    best = advice.best
    figures = (f"{best.success:.1%}", f"{best.usd:.3f}", f"{best.worth(value):.2f}")
    grid.add_section()
    grid.add_row("way", found.way(), *figures)
    console.print(grid)
    width = min(console.width, 80)
    console.print(scatter_text(found.points(), width), highlight=False, markup=False)
    console.print(
        "success against USD a task; s m c r: the tiers' models alone, W: the way, "
        "o: efficient, .: beaten by another in both",
        f"worth: value x solved - cost. {found.table.source}.",
        sep="\n",
        highlight=False,
        markup=False,
    )
    if written is not None:
        console.print(
            f"Written to {written}; check it: tiered-router doctor -c {written}"
        )
    else:
        console.print("\nConfiguration (or --write FILE):\n", highlight=False)
        click.echo(found.config())
