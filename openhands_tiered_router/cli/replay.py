"""``tiered-router replay``: what routing would have cost on recorded sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from openhands_tiered_router.cli.here import Failure, Number, write_page
from openhands_tiered_router.pages import doc_page
from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from rich.console import Console

    from openhands_tiered_router.config import RouterConfig
    from openhands_tiered_router.policy.engine import Engine
    from openhands_tiered_router.record.replay.run import ReplayedTurn
    from openhands_tiered_router.record.replay.sessions import RecordedSession
    from openhands_tiered_router.record.replay.summary import Summary

_PRESET: Final = "anthropic"
"""What is replayed on where there is no configuration."""


_EPILOG: Final = f"""\b
Examples:
  tiered-router replay ~/.openhands/conversations
  tiered-router replay ~/.claude/projects/-home-me-code-project
  tiered-router replay ~/.codex/sessions
  tiered-router replay sessions.jsonl.gz --config mine.toml --plot replay.html
  tiered-router replay sessions.jsonl --time-scale 10 --json
  tiered-router replay --outcomes outcomes.jsonl.gz --work bugs --value 20

\b
More: {doc_page("tools")}
"""


@click.command(name="replay", epilog=_EPILOG)
@click.argument("sessions", type=click.Path(path_type=Path), required=False)
@click.option(
    "--outcomes",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Instead of sessions: tasks with what each model did on them.",
)
@click.option(
    "--issues",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --outcomes: the tasks' texts, so that the policy can score them.",
)
@click.option(
    "--work",
    type=click.Choice(("bugs", "frontend", "tests", "apps", "research")),
    help="Decide as for tasks of this kind; with --outcomes, of those alone.",
)
@click.option(
    "--value",
    type=Number(min=0, max=1_000_000),
    help="USD that a solved task is worth; the configuration's if not given.",
)
@click.option(
    "--config",
    "-c",
    "config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration file; found as by the other commands if not given. Where "
    "there is none, sessions are replayed on the preset 'anthropic'.",
)
@click.option(
    "--time-scale",
    type=Number(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Factor on the recorded times: 10 for an agent ten times slower.",
)
@click.option("--json", "as_json", is_flag=True, help="A decision a line, in JSON.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the figures as a page (HTML with SVG).",
)
@click.pass_context
def command(
    context: click.Context,
    sessions: Path | None,
    outcomes: Path | None,
    issues: Path | None,
    work: str | None,
    value: float | None,
    config: Path | None,
    time_scale: float,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Show what routing would have cost on recorded sessions.

    SESSIONS is a file or a directory: persisted OpenHands conversations or exported
    events, transcripts of Claude Code, Codex CLI, Gemini CLI, pi, Cline or Roo Code,
    OpenHands' output.jsonl, SWE-agent's .traj, a log of OpenAI's or Anthropic's
    messages, or a session a line (see the page below). Without it, recordings on this
    machine are named. No model is called; no key and no configuration is needed.

    With --outcomes it tells what tasks would come to whose success and cost with each
    model are known: the configured policy beside every fixed order of tiers and the
    best of each task in hindsight. A line is {"instance_id", "benchmark", "outcomes":
    {model: [resolved, usd, ...]}}.

    \b
    Exit code:  0  done
                2  the configuration or the recordings cannot be used
    """
    from openhands_tiered_router.cli.deciding import as_asked
    from openhands_tiered_router.config import ConfigError
    from openhands_tiered_router.record.replay.costs import UnknownPriceError
    from openhands_tiered_router.record.replay.recordings import read_recordings
    from openhands_tiered_router.record.replay.sessions import SessionError

    if sessions and outcomes:
        raise click.UsageError("give either SESSIONS or --outcomes")
    if not (sessions or outcomes):
        raise click.UsageError(_what_there_is())
    _refuse_unused(context, outcomes=outcomes is not None)
    if sessions is None:
        asked = (outcomes, issues, config, work, value)
        _outcomes(*asked, as_json, plot)
        return
    try:
        engine = as_asked(_engine(config), work, value)
        recorded = read_recordings(sessions)
        if as_json:
            _print_decisions(engine, recorded, time_scale)
            return
        _report(engine, recorded, time_scale, plot, sessions)
    except (SessionError, UnknownPriceError, ConfigError) as error:
        raise Failure(str(error)) from None


def _refuse_unused(context: click.Context, *, outcomes: bool) -> None:
    """An option that changes nothing is a mistake: its answer would mislead."""
    unused, needed = (
        ("time_scale", "SESSIONS") if outcomes else ("issues", "--outcomes")
    )
    if context.get_parameter_source(unused) is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--{unused.replace('_', '-')} goes with {needed}")


def _what_there_is() -> str:
    """What could be replayed, for who named nothing."""
    from openhands_tiered_router.record.replay.found import found_transcripts

    lines = ["give SESSIONS or --outcomes"]
    if not (there := found_transcripts()):
        lines[0] += "; no agent's recordings are at their usual places in this home"
    for found in there:
        held = f"{counted(found.sessions, 'session')} of {found.agent}"
        lines.append(f"  tiered-router replay {found.path}  # {held}")
    return "\n".join(lines)


def _outcomes(
    outcomes: Path | None,
    issues: Path | None,
    config: Path | None,
    work: str | None,
    value: float | None,
    as_json: bool,
    plot: Path | None,
) -> None:
    from openhands_tiered_router.cli.deciding import DecidingError
    from openhands_tiered_router.cli.outcomes import Asked, replay_outcomes
    from openhands_tiered_router.record.calibrate.samples import SampleError
    from openhands_tiered_router.record.replay.outcomes import OutcomeError

    assert outcomes is not None
    try:
        replay_outcomes(Asked(outcomes, issues, config, work, value), as_json, plot)
    except (SampleError, OutcomeError, DecidingError) as error:
        raise Failure(str(error)) from None


def _engine(config: Path | None) -> Engine:
    from openhands_tiered_router.cli.deciding import engine_of
    from openhands_tiered_router.policy.difficulty.next_turn import default_model

    default_model()  # read before the first decision is timed
    return engine_of(_configuration(config))


def _configuration(path: Path | None) -> RouterConfig:
    """The one that holds here, or that of a preset: who asks may have none yet."""
    import tomllib

    from openhands_tiered_router.config import ConfigError, find_config, parse_config
    from openhands_tiered_router.config.presets import PRESETS
    from openhands_tiered_router.config.template import render
    from openhands_tiered_router.policy.economics.price_book import default_price_book

    try:
        source = find_config(path)
    except ConfigError:
        preset = PRESETS[_PRESET]
        names = [endpoint.model.split("/")[-1] for endpoint in preset.tiers.values()]
        click.echo(
            f"No configuration found: taking the preset {_PRESET!r} ({', '.join(names)}"
            ") at list prices. For other models: tiered-router init, or --config",
            err=True,
        )
        text = render(preset.tiers, default_price_book())
        return parse_config(tomllib.loads(text), f"preset {_PRESET}")
    return source.load()


def _print_decisions(
    engine: Engine, recorded: list[RecordedSession], time_scale: float
) -> None:
    from openhands_tiered_router.record.replay.run import replay

    for session in recorded:
        for number, turn in enumerate(replay(engine, session, time_scale)):
            line = {
                "session": session.id,
                "turn": number,
                "tier": str(turn.decision.tier),
                "cache_ttl": turn.served.cache_ttl,
                "ms": round(turn.ms, 4),
            }
            click.echo(json.dumps(line))


def _report(
    engine: Engine,
    recorded: list[RecordedSession],
    time_scale: float,
    plot: Path | None,
    source: Path,
) -> None:
    from rich.console import Console

    from openhands_tiered_router.record.replay.costs import prices_of
    from openhands_tiered_router.record.replay.plot import page
    from openhands_tiered_router.record.replay.summary import summarise

    for endpoint in engine.tiers.endpoints:
        prices_of(endpoint)
    replays = list(_with_progress(engine, recorded, time_scale))
    estimated = sum(session.estimated for session in recorded)
    summary = summarise(engine, replays, estimated)
    _show(Console(), summary, time_scale)
    if plot is not None:
        title = f"Replay of {source.name} at {time_scale:g} x recorded times"
        write_page(plot, page(summary, title))
        click.echo(f"Plot: {plot}")


def _with_progress(
    engine: Engine, recorded: list[RecordedSession], time_scale: float
) -> Iterator[list[ReplayedTurn]]:
    from rich.console import Console
    from rich.progress import track

    from openhands_tiered_router.record.replay.run import replay

    console = Console(stderr=True)
    for session in track(
        recorded,
        "Replaying",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ):
        yield replay(engine, session, time_scale)


def _show(console: Console, summary: Summary, time_scale: float) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("policy")
    for name in ("USD", f"of always {summary.base}", "95 %", "weaker", "under-routed"):
        table.add_column(name, justify="right")
    for line in summary.lines:
        table.add_row(
            line.name,
            f"{line.usd:.2f}",
            f"{line.relative:.3f}",
            f"{line.low:.3f}-{line.high:.3f}" if summary.sessions > 1 else "",
            "" if line.weak != line.weak else f"{line.weak:.0%}",
            f"{line.under_routed:.0%}",
        )
    console.print(_result(summary), highlight=False, soft_wrap=True)
    console.print(table)
    served = ", ".join(f"{n} {tier}" for tier, n in summary.tiers.items() if n)
    console.print(
        f"{counted(summary.sessions, 'session')}, {counted(summary.turns, 'turn')} "
        f"({summary.hard:.0%} hard) at {time_scale:g} x recorded times; "
        f"served by: {served}",
        f"Decision: median {summary.ms_median:.2f} ms, p99 {summary.ms_p99:.2f} ms",
        "weaker: share of turns below the base tier; under-routed: of hard turns; "
        "95 %: bootstrap over sessions",
        "offline optimum: the cheapest that serves no hard turn below the base tier, "
        "knowing the future; to cost less, hard turns were served weaker",
        sep="\n",
        highlight=False,
    )
    if summary.estimated:
        console.print(
            "Calls without recorded tokens are estimated from lengths, in "
            f"{counted(summary.estimated, 'session')}.",
            highlight=False,
        )


def _result(summary: Summary) -> str:
    """The result in a sentence."""
    from openhands_tiered_router.record.replay.summary import ROUTED

    lines = {line.name: line for line in summary.lines}
    routed, alone = lines[ROUTED], lines[f"always {summary.base}"]
    chance = " That may be chance." if routed.low <= 1 <= routed.high else ""
    ends = (routed.high, routed.low)[:: -1 if routed.low > 1 else 1]
    within = f"95 % interval: {_less(ends[0])} to {_less(ends[1])}"
    if summary.sessions == 1:
        chance, within = "", "one session tells nothing of others"
    these = "this session" if summary.sessions == 1 else "these sessions"
    return (
        f"Routed, {these} would have cost ${routed.usd:.2f}; on {summary.base} "
        f"alone ${alone.usd:.2f}: {_less(routed.relative)} ({within}).{chance}\n"
    )


def _less(relative: float) -> str:
    return f"{abs(1 - relative):.0%} {'less' if relative <= 1 else 'more'}"
