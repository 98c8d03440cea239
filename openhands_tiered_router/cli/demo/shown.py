"""What the demo shows: a line a turn, then what it cost and would have cost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation
    from openhands.sdk.event import Event

    from openhands_tiered_router.calls.fleet import RoutedCall
    from openhands_tiered_router.cli.demo.longer import Longer
    from openhands_tiered_router.cli.demo.run import DemoResult
    from openhands_tiered_router.router import ComplexityRouter


_LABEL: Final = 33
_SESSIONS: Final = (
    ".openhands/conversations",
    ".claude/projects",
    ".codex/sessions",
    ".local/state/tiered-router/conversations",
)
"""Below the home directory: what ``replay`` can read."""


class Shown:
    """Prints a line for each turn, while it runs."""

    def __init__(self) -> None:
        self._router: ComplexityRouter | None = None
        self._conversation: LocalConversation | None = None
        self._alone: Callable[[], Sequence[float]] = tuple
        self._told: set[str] = set()
        self._asked = False

    def begin(
        self,
        router: ComplexityRouter,
        conversation: LocalConversation,
        alone: Callable[[], Sequence[float]],
    ) -> None:
        """See ``Observer``."""
        self._router, self._conversation, self._alone = router, conversation, alone
        click.echo("The tests of a small project fail. A real agent fixes it:\n")

    def event(self, event: Event) -> None:
        """See ``Observer``; must not raise."""
        with contextlib.suppress(Exception):
            self._show(event)

    def _show(self, event: Event) -> None:
        response = getattr(event, "llm_response_id", None)
        if response is None or self._router is None or self._conversation is None:
            return
        calls = self._router.calls(self._conversation.id)
        call = next((c for c in calls if c.outcome.response_id == response), None)
        if call is None or call.decision_id in self._told:
            return
        self._told.add(call.decision_id)
        if call.decision.pinned and not self._asked:
            self._asked = True
            click.echo("\nThen the user asks for tiers by name, [tier: reasoning]:\n")
        click.echo(line_of(call, label_of(event), self._alone()))


def line_of(call: RoutedCall, label: str, alone: Sequence[float]) -> str:
    """A turn in at most 80 columns."""
    usd, other = call.outcome.cost or 0.0, None
    if call.turn < len(alone):
        other = alone[call.turn]
    label = label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"
    line = f"{call.turn + 1:>2}  {label:<{_LABEL}} -> {call.tier!s:<9} ${usd:.4f}"
    # Equal to the last digit shown: nothing to compare.
    if other is not None and f"{other:.4f}" != f"{usd:.4f}":
        line += f" instead of ${other:.4f}"
    if any(attempt.error for attempt in call.outcome.attempts):
        line += " *"
    return line


def label_of(event: Event) -> str:
    """What the agent does, in a few words."""
    from openhands.sdk.event import ActionEvent

    if not isinstance(event, ActionEvent):
        return "answers"
    arguments = json.loads(event.tool_call.arguments or "{}")
    if event.tool_name == "finish":
        return "finishes"
    if "path" in arguments:
        place = Path(str(arguments["path"]))
        return f"{arguments.get('command', 'opens')} {place.parent.name}/{place.name}"
    words = str(arguments.get("command", event.tool_name)).split()
    return " ".join(Path(word).name if "/" in word else word for word in words)


def summary(result: DemoResult, longer: Longer, problems: Sequence[str]) -> str:
    """What the fix cost and would have cost, then the rest; what is not shown here."""
    from openhands_tiered_router.cli.demo import NOTES

    lines = [""]
    if any(attempt.error for call in result.calls for attempt in call.outcome.attempts):
        lines.append("* The provider failed one call with 503, on purpose.")
    lines += [f"Failed: {problem}" for problem in problems] or _fix(result)
    lines += ["", *_longer(longer), "", NOTES, "", f"Try yours:  {_yours()}"]
    return "\n".join(lines)


def _fix(result: DemoResult) -> list[str]:
    fix, other = result.calls[: result.fix], sum(result.alone[: result.fix])
    usd = sum(call.outcome.cost or 0.0 for call in fix)
    share = 1 - usd / other if other else 0.0
    return [
        f"The fix: ${usd:.4f} in {counted(len(fix), 'turn')}; on the complex "
        f"tier alone about ${other:.4f},\nso routing {_saved(share)}. Short runs "
        f"save little: {result.cold_share:.0%} of this run's cost is\n"
        "each model's first prompt, before anything is cached.",
        f"Asked for by name: ${result.charged - usd:.4f}; there the user decides, "
        "not routing.",
        f"The SDK's books and the provider's bill agree: ${result.charged:.5f}. "
        f"All {result.after.ran} tests pass.",
    ]


def _longer(longer: Longer) -> list[str]:
    share = 1 - longer.usd / longer.alone_usd if longer.alone_usd else 0.0
    return [
        f"A longer session, replayed: {counted(longer.turns, 'turn')} on this "
        "package's own code. We wrote\nits actions; what the tools answered is real.",
        f"  ${longer.usd:.4f}; on complex alone about ${longer.alone_usd:.4f}: routing "
        f"{_saved(share)}",
        f"  {counted(longer.cheaper, 'turn')} cheaper, by ${longer.gained_usd:.4f}; "
        f"{longer.dearer} dearer, by ${longer.lost_usd:.4f}: caches written anew",
        f"  {longer.hard_below} of {longer.hard} hard turns went to a weaker tier: "
        "no replay can tell whether\n  they would have succeeded there",
    ]


def _saved(share: float) -> str:
    return f"saved {share:.0%}" if share >= 0 else f"cost {-share:.0%} more"


def _yours() -> str:
    """The command for sessions recorded on this machine, if there are any."""
    found = (Path.home() / place for place in _SESSIONS)
    place = next((place for place in found if _has_files(place)), None)
    if place is not None:
        return f"tiered-router replay ~/{place.relative_to(Path.home())}"
    return (
        "tiered-router replay DIRECTORY\n"
        "            (conversations of OpenHands, Claude Code or Codex; no key needed)"
    )


def _has_files(place: Path) -> bool:
    try:
        return any(place.iterdir())
    except OSError:
        return False
