"""``tiered-router conversations``: those that ``run`` keeps."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click


_STATE_DIR = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where conversations are kept; by default in the user's state directory.",
)
_FIRST_EVENTS = 20
"""The user's first message is among so many."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation on disk."""

    id: str
    workspace: str
    status: str
    cost_usd: float
    time: float
    """When it was last written, epoch seconds."""
    task: str
    """The user's first words."""


@click.group(
    name="conversations",
    epilog="""\b
Examples:
  tiered-router conversations list
  tiered-router conversations show 1f0c
  tiered-router conversations resume 1f0c --task "Now update the changelog"
""",
)
def command() -> None:
    """List, show and resume the conversations of `tiered-router run`.

    Any beginning of an id that only one conversation has will do.
    """


@command.command("list")
@_STATE_DIR
@click.option("--json", "as_json", is_flag=True, help="JSON.")
def show_all(state_dir: Path | None, as_json: bool) -> None:
    """Print them, the newest first."""
    found = kept_in(_directory(state_dir))
    if as_json:
        click.echo(json.dumps([asdict(kept) for kept in found], indent=2))
        return
    if not found:
        click.echo('No conversations yet. Begin one: tiered-router run --task "..."')
    for kept in found:
        when = datetime.fromtimestamp(kept.time).strftime("%b %d %H:%M")
        line = f"{kept.id[:8]}  {when}  {kept.status:<9.9} ${kept.cost_usd:<8.4f} "
        click.echo(line + kept.task[: max(79 - len(line), 20)])


@command.command()
@click.argument("conversation")
@_STATE_DIR
@click.option("--json", "as_json", is_flag=True, help="JSON.")
def show(conversation: str, state_dir: Path | None, as_json: bool) -> None:
    """Print what one was about, and what came of it."""
    directory = _directory(state_dir)
    id = found_id(directory, conversation, "CONVERSATION")
    kept = _read(directory / id.hex)
    if kept is None:
        raise click.UsageError(f"{id} ran in a sandbox: see it with run --resume {id}")
    answer = _answer(directory / id.hex)
    if as_json:
        click.echo(json.dumps({**asdict(kept), "answer": answer}, indent=2))
        return
    click.echo(f"{kept.id}  {kept.status}  ${kept.cost_usd:.4f}")
    click.echo(f"in {kept.workspace}\n\n{kept.task}")
    if answer:
        click.echo(f"\n{answer}")
    click.echo(f"\nTurn by turn: tiered-router report --conversation {kept.id}")


@command.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("conversation")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def resume(context: click.Context, conversation: str, options: tuple[str, ...]) -> None:
    """Go on with one: `run --resume`, whose options it takes."""
    from openhands_tiered_router.cli.run import command as run

    arguments = ["--resume", conversation, *options]
    sys.exit(run.main(arguments, standalone_mode=True, parent=context.parent))


def kept_in(directory: Path) -> list[Kept]:
    """The conversations in that directory, the newest first."""
    if not directory.is_dir():
        return []
    found = (_read(place) for place in directory.iterdir() if _is_id(place.name))
    return sorted(filter(None, found), key=lambda kept: kept.time, reverse=True)


def newest_in(directory: Path, workspace: Path) -> UUID:
    """The conversation that was last worked on in that workspace.

    Raises:
        click.UsageError: There is none.
    """
    here = str(workspace.resolve())
    found = next((k for k in kept_in(directory) if k.workspace == here), None)
    if found is None:
        raise click.UsageError(f"no conversation to continue in {here}")
    return UUID(found.id)


def found_id(directory: Path, text: str, option: str = "--resume") -> UUID:
    """The conversation whose id begins so.

    Raises:
        click.BadParameter: None does, or several do.
    """
    wanted = text.replace("-", "").lower()
    places = (directory, directory / "sandboxed")
    names = {p.name for place in places if place.is_dir() for p in place.iterdir()}
    found = sorted(n for n in names if _is_id(n) and n.startswith(wanted))
    if len(found) == 1 and wanted:
        return UUID(found[0])
    said = (
        f"several conversations begin with {text}"
        if found
        else (f"no conversation {text} in {directory}")
    )
    remedy = "`tiered-router conversations list` shows them; see --state-dir"
    raise click.BadParameter(f"{said}; {remedy}", param_hint=option)


def budget_of(directory: Path, id: UUID) -> float | None:
    """USD that `run --budget` allowed it; ``None``: nothing was given."""
    from openhands_tiered_router.guards.budget.messages import COMMAND_LINE

    found = _json(directory / id.hex / "base_state.json")
    for key in ("agent", "llm", "settings"):
        found = found.get(key) if isinstance(found, dict) else None
    budgets = (found.get("budgets") if isinstance(found, dict) else None) or ()
    given = (b.get("usd") for b in budgets if b.get("name") == COMMAND_LINE)
    return next(given, None)


def _directory(given: Path | None) -> Path:
    from openhands_tiered_router.cli.here import default_state_dir

    return given or default_state_dir()


def _is_id(name: str) -> bool:
    return len(name) == 32 and all(c in "0123456789abcdef" for c in name)


def _read(place: Path) -> Kept | None:
    """``None``: it is not readable, or not one."""
    file = place / "base_state.json"
    state = _json(file)
    if not isinstance(state, dict):
        return None
    books = (state.get("stats") or {}).get("usage_to_metrics") or {}
    return Kept(
        id=str(UUID(place.name)),
        workspace=str((state.get("workspace") or {}).get("working_dir", "?")),
        status=str(state.get("execution_status", "?")),
        cost_usd=sum(book.get("accumulated_cost") or 0.0 for book in books.values()),
        time=file.stat().st_mtime,
        task=" ".join(_first_message(place).split()),
    )


def _events(place: Path) -> list[Path]:
    return sorted((place / "events").glob("event-*.json"))


def _first_message(place: Path) -> str:
    for file in _events(place)[:_FIRST_EVENTS]:
        event = _json(file)
        if event.get("kind") == "MessageEvent" and event.get("source") == "user":
            return _text(event.get("llm_message"))
    return ""


def _answer(place: Path) -> str:
    """What the agent said last."""
    for file in reversed(_events(place)):
        event = _json(file)
        if event.get("source") != "agent":
            continue
        if event.get("kind") == "MessageEvent":
            return _text(event.get("llm_message"))
        action = event.get("action")
        if isinstance(action, dict) and action.get("kind") == "FinishAction":
            return str(action.get("message", ""))
    return ""


def _text(message: Any) -> str:
    parts = message.get("content", ()) if isinstance(message, dict) else ()
    return " ".join(p.get("text", "") for p in parts if isinstance(p, dict))


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
