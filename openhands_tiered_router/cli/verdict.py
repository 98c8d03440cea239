"""``tiered-router verdict``: what became of the work, and how good the verifier is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openhands_tiered_router.cli.here import Failure, recorded, telemetry_option
from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from openhands_tiered_router.record.telemetry.verdicts import AcceptRates, Rate

_EPILOG: Final = """\b
Examples:
  tiered-router verdict 1f0c0c62 --accepted
  tiered-router verdict 1f0c0c62 --rejected --by ci
  tiered-router verdict --rates --json

\b
Exit code:  0  recorded, or shown
            2  no such conversation, or the record cannot be used
"""


@click.command(name="verdict", epilog=_EPILOG)
@click.argument("conversation", required=False)
@click.option(
    "--accepted/--rejected", "accepted", default=None, help="What became of its work."
)
@click.option(
    "--by", "judge", default="human", show_default=True, help="Who says so; such as ci."
)
@click.option("--rates", is_flag=True, help="Show how often the verifier was right.")
@telemetry_option
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def command(
    conversation: str | None,
    accepted: bool | None,
    judge: str,
    rates: bool,
    telemetry: Path | None,
    as_json: bool,
) -> None:
    """Record what became of a conversation's work, or show the verifier's rates."""
    if rates == (conversation is not None):
        raise click.UsageError("give a conversation, or --rates")
    if conversation is not None and accepted is None:
        raise click.UsageError("say --accepted or --rejected")
    path = recorded(telemetry)
    from openhands_tiered_router.record.telemetry.opening import (
        TelemetryReadError,
        UnknownIdError,
        find_id,
    )

    try:
        if conversation is None:
            _show(path, as_json)
        else:
            known = find_id(path, conversation, "conversations")
            _record(path, known, bool(accepted), judge, as_json)
    except (TelemetryReadError, UnknownIdError) as error:
        raise Failure(str(error)) from None


def _record(
    path: Path, conversation: str, accepted: bool, judge: str, as_json: bool
) -> None:
    from openhands_tiered_router.record.telemetry.recorder import recorder_for
    from openhands_tiered_router.record.telemetry.records import VERIFIER, Verdict

    if judge == VERIFIER:
        raise click.BadParameter("is the verifier's own name", param_hint="--by")
    recorder = recorder_for(path)
    reason = "accepted" if accepted else "rejected"
    recorder.record(
        Verdict(
            conversation_id=conversation,
            time=time.time(),
            judge=judge,
            accepted=accepted,
            reason=reason,
        )
    )
    if not recorder.flush(10):
        raise Failure(f"{path} cannot be written")
    if as_json:
        said = {"conversation": conversation, "judge": judge, "accepted": accepted}
        click.echo(json.dumps(said))
    else:
        click.echo(f"Recorded: {judge} {reason} {conversation}")


def _show(path: Path, as_json: bool) -> None:
    from openhands_tiered_router.record.telemetry.verdicts import accept_rates

    rates = accept_rates(path)
    if as_json:
        click.echo(json.dumps(_as_json(rates)))
        return
    click.echo(
        f"{counted(rates.verified, 'conversation')} verified, {rates.accepted} accepted"
    )
    click.echo(f"good work accepted: {_shown(rates.true_accept)}")
    click.echo(f"bad work accepted:  {_shown(rates.false_accept)}")


def _shown(rate: Rate) -> str:
    if rate.share is None:
        return "not known: no verdicts of people or CI yet"
    low, high = rate.interval
    share = f"{rate.share:.0%} of {rate.count}"
    return f"{share} (95 % interval {low:.0%} to {high:.0%})"


def _as_json(rates: AcceptRates) -> dict[str, object]:
    both = {"true_accept": rates.true_accept, "false_accept": rates.false_accept}
    shares = {
        name: {
            "share": rate.share,
            "low": rate.interval[0],
            "high": rate.interval[1],
            "hits": rate.hits,
            "count": rate.count,
        }
        for name, rate in both.items()
    }
    return {"verified": rates.verified, "accepted": rates.accepted, **shares}
