"""Showing a routed conversation while it runs: for people, or as JSON lines."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.status import Status
from rich.text import Text

from openhands_tiered_router.cli.bill import TIER_STYLES, bill, tier_counts
from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from uuid import UUID

    from openhands.sdk import LocalConversation
    from openhands.sdk.event import ActionEvent, Event, MessageEvent, ObservationEvent

    from openhands_tiered_router.calls.fleet import RoutedCall
    from openhands_tiered_router.router import ComplexityRouter


UNKNOWN: Final = "?"
"""In place of a tier."""
FOLDED: Final = 2
UNFOLDED: Final = 40
"""Lines shown of a thought or a result, without and with ``-v``."""
_FRAME: Final = re.compile(
    r"^(\[(The command completed|Command finished|Current working directory"
    r"|Python interpreter).*\]|Here's the result of running .*|[\W\d_]*)$",
    re.M,
)
"""What the SDK's tools add to each output, and lines without a word."""
_WAITING: Final = "Waiting for the model; Ctrl-C pauses"
_RUNNING: Final = "Running the tool; Ctrl-C pauses"
_INDENT: Final = " " * 14
_RETRIES: Final = "openhands_tiered_router.calls.failover"


class Reporter:
    """Prints each turn with its tier. An event callback, so it must not raise."""

    def __init__(
        self, *, as_json: bool, verbose: int = 0, shows_waiting: bool = False
    ) -> None:
        self._json = as_json
        self._verbose = verbose
        """0: folded; 1: thoughts and results at length; 2: each decision's reasons."""
        self._answer = ""
        self._before: str | None = None
        self._spent = 0.0
        """What the conversation had cost before this run, USD."""
        self._out = Console(highlight=False)
        self._err = Console(stderr=True, highlight=False)
        self._status: Status | None = None
        """Moves while a model is waited for; ``rest`` must end it."""
        if shows_waiting and not as_json and self._err.is_terminal:
            self._status = self._err.status(_WAITING)
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
        if not self._json:
            logger = logging.getLogger(_RETRIES)
            logger.handlers[:] = [_Shown(self.tell)]
            logger.setLevel(logging.INFO)
            logger.propagate = False
        self._spent = _cost(conversation)
        self._before = self._snapshot()
        self.announce(conversation.id)

    def rest(self) -> None:
        """No model is waited for."""
        if self._status is not None:
            self._status.stop()

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
            self.rest()
            self._show(event)
            if self._status is not None:
                runs = getattr(event, "tool_name", "") and hasattr(event, "action")
                self._status.update(_RUNNING if runs else _WAITING)
                self._status.start()

    def failed(self, error: Exception) -> None:
        """Why the run failed, and what to do."""
        from openhands_tiered_router.cli.failure import failure_of

        self.rest()
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
        """The answer, what changed, what it came to; after a pause, how to go on."""
        self.rest()
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
                    "answer": self._answer,
                    "cost_usd": _cost(conversation),
                    "tiers": tier_counts(calls),
                    "verification": _verification(conversation),
                }
            )
            return
        for text in (self._answer, self._changes()):
            if text:
                self._out.print(Text(f"\n{text}"), soft_wrap=True)
        said = bill(status, _cost(conversation), calls, self._spent)
        self._out.print(Text(f"\n{said}", "bold"))
        verification = _verification(conversation)
        if verification is not None:
            self._out.print(Text(": ".join(verification.values()), style="bold"))
        if status in ("paused", "error"):
            resume = f"tiered-router run --resume {str(conversation.id)[:8]}"
            self._out.print(f"{status.title()}. Go on with: {resume}", soft_wrap=True)

    def _snapshot(self) -> str | None:
        """A git tree of the workspace as it is now; ``None``: it is not in git."""
        if self._conversation is None or self._json:
            return None
        from openhands_tiered_router.git import GitError
        from openhands_tiered_router.guards.verify.git import Repository

        place = Path(self._conversation.workspace.working_dir)
        with contextlib.suppress(GitError, OSError):
            return Repository.of(place).snapshot()
        return None

    def _changes(self) -> str:
        """What changed in the workspace since the run began, as ``git diff --stat``."""
        after = self._snapshot()
        if self._before is None or after is None or self._conversation is None:
            return ""
        from openhands_tiered_router.guards.verify.git import Repository

        place = Path(self._conversation.workspace.working_dir)
        return Repository.of(place).summary(self._before, after)

    def _show(self, event: Event) -> None:
        from openhands.sdk.event import ActionEvent, MessageEvent, ObservationEvent

        if isinstance(event, ActionEvent):
            self._action(event)
        elif isinstance(event, MessageEvent) and event.source == "agent":
            self._message(event)
        elif isinstance(event, ObservationEvent):
            self._result(event)
        else:
            self._guard(event)

    def _guard(self, event: Event) -> None:
        """What a guard says, whether it pauses or not."""
        from openhands_tiered_router.guards.pausing import notice_of, pause_reason_of

        held = pause_reason_of(event)
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
        what = _one_line(event.tool_call.arguments, event.tool_name)
        thought = "\n".join(part.text for part in event.thought)
        if event.tool_name == "finish":
            self._answer, what = what, ""
        self._turn(event.llm_response_id, event.tool_name, what, thought)

    def _message(self, event: MessageEvent) -> None:
        texts = [getattr(c, "text", "") for c in event.llm_message.content]
        self._answer = "\n".join(filter(None, texts))
        self._turn(event.llm_response_id, "message", "", "")

    def _turn(self, response: str | None, kind: str, what: str, thought: str) -> None:
        call, tier = self._call(response), self.tier_of(response)
        first = call is None or call.decision_id not in self._shown
        if call:
            self._shown.add(call.decision_id)
        if self._json:
            self._line(
                {
                    "type": "turn",
                    "turn": call.turn + 1 if call else None,
                    "tier": tier,
                    "endpoint": call.outcome.endpoint if call else None,
                    "reason": why(call),
                    "action": kind,
                    "cost_usd": call.outcome.cost if call and first else None,
                }
            )
            return
        if first:
            number = f"{call.turn + 1:>3} " if call else "    "
            head = Text.assemble(
                (number, "bold"), (f"{tier:<9} ", TIER_STYLES.get(tier, ""))
            )
            head.append(_cut(why(call), self._out.width - len(head)), style="dim")
            self._out.print(head)
            if self._verbose > 1 and call is not None:
                for reason in call.decision.reasons:
                    self._indented(f"{reason.rule}: {reason.text}", style="dim")
                cost = call.outcome.cost
                self._indented("cost: ?" if cost is None else f"cost: ${cost:.5f}")
        self._folded(thought, style="italic")
        if what:
            self._folded(f"{kind}: {what}")

    def _result(self, event: ObservationEvent) -> None:
        if self._json or event.tool_name == "finish":
            return
        texts = (getattr(c, "text", "") for c in event.observation.to_llm_content)
        code = getattr(event.observation, "exit_code", None)
        failed = code not in (None, 0, -1)
        if failed:
            self._indented(f"{event.tool_name} exited with {code}", style="red")
        said = "\n".join(texts)
        if self._verbose == 0:
            said = _FRAME.sub("", said)
        style = "red" if failed else "dim"
        self._folded(said, style=style, mark="| ", tail=failed)

    def _folded(
        self, text: str, style: str = "", mark: str = "", tail: bool = False
    ) -> None:
        """The first lines, or the last, and how many more there are."""
        lines = [line for line in map(str.rstrip, text.splitlines()) if line.strip()]
        most = FOLDED if self._verbose == 0 else UNFOLDED
        # What went wrong is said last.
        for number, line in enumerate(lines[-most:] if tail else lines[:most], 1):
            rest = len(lines) - most
            more = f" (+{counted(rest, 'line')})" if number == most and rest > 0 else ""
            room = self._out.width - len(_INDENT) - len(mark) - len(more)
            self._indented(mark + _cut(line, room) + more, style=style)

    def _indented(self, text: str, style: str = "") -> None:
        self._out.print(Text(_INDENT + text, style=style), overflow="ellipsis")

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


def why(call: RoutedCall | None) -> str:
    """Why the tier was chosen, and which endpoints failed before it."""
    if call is None:
        return ""
    failed = {a.endpoint: a.error.words for a in call.outcome.attempts if a.error}
    said = [f"{endpoint}: {words}" for endpoint, words in failed.items()]
    return "; ".join(filter(None, [*said, call.decision.why]))


class _Shown(logging.Handler):
    """Shows what is logged as it happens."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(f"{_INDENT}{record.getMessage()}")


def _cut(text: str, room: int) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= room else text[: max(room - 1, 1)] + "…"


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
