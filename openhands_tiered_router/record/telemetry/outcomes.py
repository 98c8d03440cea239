"""What became of the tool calls that a decision led to, seen from the events."""

from __future__ import annotations

import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.policy.actions import (
    CUT_SHORT,
    Action,
    action_of,
    observed_exit_code,
    result_of,
    steady,
)
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.kinds import CHANGES, ActionKind
from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder
from openhands_tiered_router.record.telemetry.records import (
    ToolResult,
    ToolStatus,
    replace,
)


if TYPE_CHECKING:
    from openhands.sdk.event import ActionEvent, Event, ObservationEvent
    from openhands.sdk.event.llm_convertible.observation import ObservationBaseEvent


MAX_PENDING: Final = 1_000
"""Calls remembered while they have no result; some never get one."""

_KEY: Final = os.urandom(16)
"""Of this process and never stored: who has the file cannot try texts against it."""

_READ: Final = 4_000
"""Characters from the end of a text: where tests and compilers say what is wrong."""

_log = logging.getLogger(__name__)


class ToolOutcomes:
    """An event callback that records the results of tool calls.

    Give it to ``Conversation(callbacks=[...])``. It never raises, for that would end
    the run, and never blocks, for under ``arun`` it is on the event loop. Of an event
    it keeps ids, the tool's name, the kind of action, exit code and error flags.

    A call is recorded when the model asks for it, and again when its result comes:
    so calls that stay without one, such as those after ``finish``, show as pending.
    """

    def __init__(
        self,
        recorder: TelemetryRecorder,
        conversation_id: str | None = None,
        *,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            recorder: Where to.
            conversation_id: ``None``: not known yet; set the attribute before the
                first run, for without it the results of conversations mix.
            clock: Seconds since the epoch.
            timer: Seconds that only go forward.
        """
        self.conversation_id = conversation_id
        self._recorder = recorder
        self._clock = clock
        self._timer = timer
        self._pending: OrderedDict[str, tuple[ToolResult, float]] = OrderedDict()
        self._warned = False

    def __call__(self, event: Event) -> None:
        try:
            self._see(event)
        except Exception as error:  # the run matters more than its record
            if not self._warned:
                self._warned = True
                _log.warning(
                    "tool results are not recorded: %s on a %s",
                    type(error).__name__,
                    type(event).__name__,
                )

    def _see(self, event: Event) -> None:
        # Here, because the SDK takes seconds to import and is loaded by now.
        from openhands.sdk.event import (
            ActionEvent,
            AgentErrorEvent,
            ObservationEvent,
            UserRejectObservation,
        )

        match event:
            case ActionEvent():
                self._asked(event)
            case ObservationEvent():
                self._done(event)
            case AgentErrorEvent() if CUT_SHORT.match(event.error):
                self._answered(event, status=ToolStatus.CANCELLED)
            case AgentErrorEvent():
                self._answered(event, status=ToolStatus.INVALID, failed=True)
            case UserRejectObservation(rejection_source="hook"):
                self._answered(event, status=ToolStatus.BLOCKED)
            case UserRejectObservation():
                self._answered(event, status=ToolStatus.REJECTED)

    def _asked(self, event: ActionEvent) -> None:
        call = event.tool_call
        action = action_of(
            ToolCall(id=call.id, name=event.tool_name, arguments=call.arguments)
        )
        result = ToolResult(
            conversation_id=self.conversation_id,
            response_id=event.llm_response_id,
            tool_call_id=event.tool_call_id,
            tool_name=event.tool_name,
            time=self._clock(),
            action_kind=action.kind,
            target=_target(action),
        )
        self._pending[event.tool_call_id] = result, self._timer()
        if len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)
        self._recorder.record(result)

    def _done(self, event: ObservationEvent) -> None:
        observation = event.observation
        code = observed_exit_code(observation)
        failed = observation.is_error or bool(code)
        asked, _ = self._pending.get(event.tool_call_id, (None, 0.0))
        if asked is not None and asked.action_kind == ActionKind.TEST:
            # Behind a pipe, as in "pytest | tail", only the text tells.
            result = Entry(role="tool", text=observation.text, exit_code=code)
            failed = failed or result_of(result, ActionKind.TEST)[0]
        self._answered(
            event,
            status=ToolStatus.DONE,
            exit_code=code,
            is_error=observation.is_error,
            failed=failed,
            failure=fingerprint(event.tool_name, observation.text) if failed else None,
        )

    def _answered(
        self,
        event: ObservationBaseEvent,
        *,
        status: ToolStatus,
        failed: bool | None = None,
        exit_code: int | None = None,
        is_error: bool | None = None,
        failure: int | None = None,
    ) -> None:
        asked, since = self._pending.pop(event.tool_call_id, (None, 0.0))
        result = asked or self._of_earlier_process(event)
        self._recorder.record(
            replace(
                result,
                time=self._clock(),
                status=status,
                exit_code=exit_code,
                is_error=is_error,
                failed=failed,
                failure=failure,
                seconds=self._timer() - since if asked else None,
            )
        )

    def _of_earlier_process(self, event: ObservationBaseEvent) -> ToolResult:
        """A call that was asked for before a restart: confirmed after a resume."""
        return ToolResult(
            conversation_id=self.conversation_id,
            response_id=None,
            tool_call_id=event.tool_call_id,
            tool_name=event.tool_name,
            time=self._clock(),
        )


def _target(action: Action) -> int | None:
    """A stand-in for the file that an action changes."""
    if action.kind not in CHANGES or not action.paths:
        return None
    return fingerprint(*action.paths[:1])


def fingerprint(*texts: str) -> int:
    """31 bits that are equal for equal texts within a process and its forks.

    Times, durations and addresses do not count."""
    hashed = blake2b(digest_size=4, key=_KEY)
    for text in texts:
        hashed.update(steady(text[-_READ:]).encode(errors="replace"))
        hashed.update(b"\0")
    return int.from_bytes(hashed.digest()) >> 1
