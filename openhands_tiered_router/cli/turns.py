"""Showing a routed conversation while it runs: for people, or as JSON lines."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text


if TYPE_CHECKING:
    from uuid import UUID

    from openhands.sdk import LocalConversation
    from openhands.sdk.event import ActionEvent, Event, MessageEvent

    from openhands_tiered_router.calls.fleet import RoutedCall
    from openhands_tiered_router.router import ComplexityRouter


TIER_STYLES: Final = {
    "simple": "green",
    "medium": "cyan",
    "complex": "yellow",
    "reasoning": "magenta",
}
UNKNOWN: Final = "?"
"""In place of a tier."""
_MAX_LINE: Final = 400
"""Characters shown of what the agent says or does."""


class Reporter:
    """Prints each turn with its tier. An event callback, so it must not raise."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json
        self._out = Console(highlight=False)
        self._err = Console(stderr=True, highlight=False)
        self._router: ComplexityRouter | None = None
        self._conversation: LocalConversation | None = None
        self._shown: set[str] = set()

    @contextlib.contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Shows that something takes a while; nothing where nobody looks."""
        if self._json or not self._err.is_terminal:
            yield
            return
        with self._err.status(text):
            yield

    def begin(self, router: ComplexityRouter, conversation: LocalConversation) -> None:
        self._router, self._conversation = router, conversation
        self.announce(conversation.id)

    def announce(self, id: UUID) -> None:
        """Says which conversation it is."""
        if self._json:
            self._line({"type": "start", "conversation": str(id)})
        else:
            self._out.print(Text(f"Conversation {id}", style="bold"))

    def tell(self, text: str) -> None:
        """What takes a while, for people; JSON lines do without."""
        if not self._json:
            self._err.print(Text(text, style="dim"))

    def note(self, text: str) -> None:
        """What the user should know before it runs."""
        if self._json:
            self._line({"type": "note", "text": text})
        else:
            self._err.print(Text(text, style="yellow"), soft_wrap=True)

    def tier_of(self, response_id: str | None) -> str:
        """The tier that gave an answer, or ``UNKNOWN``."""
        call = self._call(response_id)
        return str(call.tier) if call else UNKNOWN

    def event(self, event: Event) -> None:
        """For ``Conversation(callbacks=...)``."""
        with contextlib.suppress(Exception):
            self._show(event)

    def failed(self, error: Exception) -> None:
        """Why the run failed, and what to do."""
        from openhands_tiered_router.cli.failure import failure_of

        failure = failure_of(error)
        said = f"{failure.what}: {failure.said}"
        if self._json:
            told = {"kind": str(failure.kind), "error": said, "remedy": failure.remedy}
            self._line({"type": "error", **told, "tried": self._tried()})
            return
        tried = ", ".join(self._tried())
        self._err.print(Text(said, style="red"), soft_wrap=True)
        if tried:
            self._err.print(Text(f"Tried: {tried}."), soft_wrap=True)
        self._err.print(Text(f"{failure.remedy}."), soft_wrap=True)

    def _tried(self) -> list[str]:
        """The endpoints that the last call was sent to, in order."""
        calls = self._calls()
        attempts = calls[-1].outcome.attempts if calls else ()
        return list(dict.fromkeys(attempt.endpoint for attempt in attempts))

    def end(self, code: int) -> None:
        """What it came to; after a pause, how to go on."""
        conversation = self._conversation
        if conversation is None:
            return
        status = conversation.state.execution_status.value
        calls = self._calls()
        if self._json:
            self._line(
                {
                    "type": "end",
                    "status": status,
                    "exit_code": code,
                    "conversation": str(conversation.id),
                    "cost_usd": _cost(conversation),
                    "tiers": _tier_counts(calls),
                    "verification": _verification(conversation),
                }
            )
            return
        self._out.print(summary_table(calls))
        # The books are the conversation's; the calls are those of this run.
        cost = f"{status}; ${_cost(conversation):.4f} in all; calls now: {len(calls)}"
        self._out.print(Text(cost, style="bold"))
        verification = _verification(conversation)
        if verification is not None:
            self._out.print(Text(": ".join(verification.values()), style="bold"))
        if status in ("paused", "error"):
            resume = f"tiered-router run --resume {conversation.id}"
            self._out.print(f"{status.title()}. Go on with: {resume}", soft_wrap=True)

    def _show(self, event: Event) -> None:
        from openhands.sdk.event import ActionEvent, MessageEvent, ObservationEvent

        if isinstance(event, ActionEvent):
            self._action(event)
        elif isinstance(event, MessageEvent) and event.source == "agent":
            self._message(event)
        elif isinstance(event, ObservationEvent):
            code = getattr(event.observation, "exit_code", None)
            if code not in (None, 0, -1):
                self._result(event.tool_name, int(code))
        else:
            self._guard(event)

    def _guard(self, event: Event) -> None:
        """What a guard says, whether it pauses or not."""
        from openhands_tiered_router.guards.hold import hold_of, notice_of

        held = hold_of(event)
        said = held or notice_of(event)
        if said is None:
            return
        if self._json:
            told = {"guard": said.guard, "paused": held is not None}
            self._line({"type": "guard", **told, "text": said.reason})
        else:
            line = Text(f"{said.guard}: {said.reason}", style="bold yellow")
            self._out.print(line, soft_wrap=True)

    def _action(self, event: ActionEvent) -> None:
        call = self._call(event.llm_response_id)
        what = _one_line(event.tool_call.arguments, event.tool_name)
        tier = self.tier_of(event.llm_response_id)
        self._turn(call, tier, event.tool_name, what)

    def _message(self, event: MessageEvent) -> None:
        texts = [getattr(c, "text", "") for c in event.llm_message.content]
        call = self._call(event.llm_response_id)
        tier = self.tier_of(event.llm_response_id)
        self._turn(call, tier, "message", " ".join(texts))

    def _turn(self, call: RoutedCall | None, tier: str, kind: str, what: str) -> None:
        reason = (
            call.decision.reasons[-1].text if call and call.decision.reasons else ""
        )
        first = call is not None and call.decision_id not in self._shown
        if call:
            self._shown.add(call.decision_id)
        if self._json:
            self._line(
                {
                    "type": "turn",
                    "turn": call.turn if call else None,
                    "tier": tier,
                    "endpoint": call.outcome.endpoint if call else None,
                    "reason": reason,
                    "action": kind,
                    "cost_usd": call.outcome.cost if call and first else None,
                }
            )
            return
        line = Text.assemble(
            (f"{tier:>9} ", TIER_STYLES.get(tier, "")),
            (f"{kind} ", "bold"),
            what.replace("\n", " ")[:_MAX_LINE],
        )
        if first and reason:
            line.append(f"  ({reason})", style="dim")
        self._out.print(line, soft_wrap=True)

    def _result(self, tool: str, code: int) -> None:
        if not self._json:
            self._out.print(Text(f"          {tool} exited with {code}", style="red"))

    def _calls(self) -> list[RoutedCall]:
        if self._router is None or self._conversation is None:
            return []
        return self._router.calls(self._conversation.id)

    def _call(self, response_id: str | None) -> RoutedCall | None:
        calls = reversed(self._calls())
        return next((c for c in calls if c.outcome.response_id == response_id), None)

    def _line(self, value: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()


def summary_table(calls: list[RoutedCall]) -> Table:
    """Calls, tokens and cost of each tier."""
    table = Table(title=None, box=None, pad_edge=False)
    for name in ("tier", "calls", "prompt", "cached", "output", "USD"):
        table.add_column(name, justify="left" if name == "tier" else "right")
    for tier in TIER_STYLES:
        mine = [c for c in calls if str(c.tier) == tier]
        if not mine:
            continue
        usages = [c.outcome.usage for c in mine]
        costs = [c.outcome.cost for c in mine]
        known = sum(cost for cost in costs if cost is not None)
        table.add_row(
            Text(tier, style=TIER_STYLES[tier]),
            str(len(mine)),
            f"{sum(u.prompt for u in usages):,}",
            f"{sum(u.cache_read for u in usages):,}",
            f"{sum(u.completion for u in usages):,}",
            f"{known:.4f}" + ("+?" if None in costs else ""),
        )
    return table


def _one_line(arguments: str, tool: str) -> str:
    """The argument that says most about a tool call."""
    try:
        parsed = json.loads(arguments)
    except ValueError:
        return arguments
    if not isinstance(parsed, dict):
        return arguments
    names = ("command", "path", "pattern", "message", "thought")
    parts = [str(parsed[n]) for n in names if parsed.get(n)]
    return " ".join(parts) if parts else tool


def _verification(conversation: LocalConversation) -> dict[str, str] | None:
    """Whether the work was verified, and why not; ``None``: nobody asked for it."""
    from openhands_tiered_router.guards.verify.memory import verification_of

    found = verification_of(conversation.state)
    if found is None or not found.reason:
        return None
    return {"status": str(found.status), "reason": found.reason}


def _cost(conversation: LocalConversation) -> float:
    stats = conversation.conversation_stats
    return stats.get_combined_metrics().accumulated_cost


def _tier_counts(calls: list[RoutedCall]) -> dict[str, int]:
    counts = dict.fromkeys(TIER_STYLES, 0)
    for call in calls:
        counts[str(call.tier)] += 1
    return counts
