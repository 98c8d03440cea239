"""What happens around the steps of an agent whose finished work is verified."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openhands.sdk import LocalConversation, Message, TextContent
from openhands.sdk.conversation.state import ConversationExecutionStatus
from openhands.sdk.event import ActionEvent, Event, MessageEvent, ObservationEvent
from openhands.sdk.tool.builtins import FinishTool

from openhands_tiered_router.git import GitError
from openhands_tiered_router.guards.pausing import tell
from openhands_tiered_router.guards.verify.git import Repository
from openhands_tiered_router.guards.verify.history import deeds
from openhands_tiered_router.guards.verify.judgement import (
    Judgement,
    Reason,
    last_lines,
)
from openhands_tiered_router.guards.verify.memory import (
    Status,
    Verification,
    remember,
    verification_of,
)
from openhands_tiered_router.guards.verify.process import Cancelled
from openhands_tiered_router.guards.verify.settings import VerifySettings
from openhands_tiered_router.guards.verify.verifier import ASKED, OUTDATED, Verifier
from openhands_tiered_router.policy.entry import defused


if TYPE_CHECKING:
    from openhands_tiered_router.graph.snapshot import CodeGraph


logger = logging.getLogger(__name__)

PREFIX: Final = "[verification]"
"""How the messages begin that send an agent back to work."""

_LOOK_BACK: Final = 12
"""Events among which the end of the last turn is looked for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement, and the seconds that it took."""

    judgement: Judgement
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The steps of one conversation, with a verifier before its end.

    What blocks only reads the conversation, so it may run in another thread while the
    run holds the conversation's lock; what changes the conversation does not block.
    """

    conversation: LocalConversation
    settings: VerifySettings
    record: Callable[[Judged, int], None] = lambda *_: None
    """Takes each judgement, and how often the work went back before it."""
    graph: Callable[[str, float], CodeGraph | None] = lambda *_: None
    """The code graph of a directory with its latest changes; waits so many seconds."""
    escalate: Callable[[int], None] = lambda _: None
    """Is told how many verdicts in a row have rejected the work."""
    second_look: Callable[[str, str], str] | None = None
    """Reads request and diff; why the work is wrong, or "": it may be right."""
    not_worth: Callable[[], str] = lambda: ""
    """Why another try is not worth its cost, for the user; "": it may be."""

    @property
    def known(self) -> Verification:
        return verification_of(self.conversation.state) or Verification()

    @contextmanager
    def safely(self) -> Iterator[None]:
        """A fault of our own: logged, and the run goes on as without us."""
        try:
            yield
        except Cancelled:
            pass  # the next step verifies again
        except Exception as error:
            logger.error("work is not verified: %s", type(error).__name__)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """The conversation runs until there is a verdict, and ends without one if
        there can be none."""
        state = self.conversation.state
        state.execution_status = ConversationExecutionStatus.RUNNING
        try:
            yield
        except Cancelled:
            raise
        except Exception:
            state.execution_status = ConversationExecutionStatus.FINISHED
            self._failed()
            raise

    def tell_router(self) -> None:
        """Restores what a router of an earlier process knew."""
        with self.safely():
            self.escalate(self.known.rejected)

    def interrupted(self) -> bool:
        """Whether the agent had finished, and the verdict never came."""
        return _is_finish(self._last_act())

    def is_new(self) -> bool:
        """Whether this is the first step on a message of the user's."""
        return self.known.request != self._request

    def begun(self) -> Verification:
        """What to remember before the agent acts on a message. Blocks."""
        known = self.known
        rounds = known.rounds if known.status is Status.PENDING else 0
        if known.base and known.status is not Status.VERIFIED:
            # Work that was not verified stays part of the change.
            return replace(
                known, status=Status.PENDING, request=self._request, rounds=rounds
            )
        try:
            repository = Repository.of(self._root)
            acted = any(isinstance(e, ActionEvent) for e in self._since_request())
            base = repository.head() if acted else repository.snapshot()
        except GitError:
            base = ""
        return Verification(base=base, request=self._request, rejected=known.rejected)

    def remember(self, verification: Verification) -> None:
        remember(self.conversation.state, verification)

    def ended(self) -> bool:
        """Whether the agent means to stop."""
        last = self._last_act()
        status = self.conversation.state.execution_status
        return _is_finish(last) or (
            status is ConversationExecutionStatus.FINISHED
            and isinstance(last, MessageEvent)
            and last.source == "agent"
        )

    def judge(self) -> Judged:
        """Verify the work. Blocks for as long as its tests take.

        Raises:
            Cancelled: The run was interrupted.
        """
        token = self.conversation.cancel_token
        since = time.monotonic()
        verifier = Verifier(
            self._root,
            self.settings,
            graph=partial(self.graph, str(self._root), self.settings.graph_wait),
            cancelled=lambda: token is not None and token.is_cancelled,
        )
        events = self.conversation.state.active_branch()
        request = "\n".join(_text(e) for e in events if _is_request(e))
        if self.known.base:
            judgement = verifier.judge(
                self.known.base, deeds(events), request, asked=self._asked()
            )
            if judgement.accepted:
                judgement = self._second_look(judgement, request)
            if judgement.accepted is False:
                judgement = self._with_diff(judgement)
        else:
            judgement = Judgement(reason=Reason.NO_GIT)
        return Judged(judgement, time.monotonic() - since)

    def _second_look(self, judgement: Judgement, request: str) -> Judgement:
        """The judgement, or a model's rejection of work that passed."""
        if self.second_look is None:
            return judgement
        try:
            repository = Repository.of(self._root)
            diff = repository.diff(self.known.base, repository.snapshot())
            why = self.second_look(request, diff)
        except Exception as error:
            logger.warning("no second look at the work: %s", type(error).__name__)
            return judgement
        if not why:
            return judgement
        text = f"The tests pass, but a review rejects the change:\n\n{why}"
        limit = self.settings.evidence_chars
        return replace(judgement, reason=Reason.SECOND_LOOK, evidence=text[:limit])

    def _with_diff(self, judgement: Judgement) -> Judgement:
        """With what was changed so far: another model may go on from there."""
        try:
            repository = Repository.of(self._root)
            summary = repository.summary(self.known.base, repository.snapshot())
        except GitError:
            return judgement
        if not summary:
            return judgement
        lines = last_lines(summary, self.settings.evidence_chars)
        text = f"{judgement.evidence}\n\nChanged so far:\n{lines}"
        return replace(judgement, evidence=text)

    def conclude(self, judged: Judged, on_event: Callable[[Event], None]) -> None:
        """Accept the end, or send the agent back to work."""
        judgement, known = judged.judgement, self.known
        idle = judgement.reason in (Reason.NO_CHANGE, Reason.NO_GIT)
        if idle and not _is_finish(self._last_act()):
            self._end()  # an answer or a question, not work that is done
            return
        sent_back = self._sent_back()
        self.record(judged, sent_back)
        after = replace(known, reason=str(judgement.reason), rounds=sent_back)
        if judgement.accepted is not None:
            rejected = 0 if judgement.accepted else known.rejected + 1
            self.escalate(rejected)
            after = replace(after, rejected=rejected)
        # A question uses no round up, so it takes no try from a stronger model.
        question = judgement.accepted is None and bool(judgement.evidence)
        left = judgement.accepted is False and sent_back < self._rounds(judgement)
        ends = self._not_worth() if left else ""
        if question or (left and not ends):
            self.remember(replace(after, rounds=sent_back + left))
            on_event(_message(judgement.evidence))
        elif judgement.accepted:
            self.remember(replace(after, status=Status.VERIFIED))
            self._end()
        else:
            self.remember(replace(after, status=Status.UNVERIFIED))
            self._end()
            said = f"The work is not verified: {judgement.reason.told}."
            tell(self.conversation, "verify", f"{said}{ends}")

    def _not_worth(self) -> str:
        """The end of the notice, if rejected work is not worth another try."""
        why = self.not_worth() if self.settings.stop_at_value else ""
        on = "To go on anyway, set verify.stop_at_value = false or a higher task_value."
        return f" The conversation ends here: {why}. {on}" if why else ""

    def _end(self) -> None:
        status = ConversationExecutionStatus.FINISHED
        self.conversation.state.execution_status = status

    def _failed(self) -> None:
        after = replace(self.known, status=Status.UNVERIFIED, reason=str(Reason.ERROR))
        self.remember(after)
        self.record(Judged(Judgement(reason=Reason.ERROR), 0.0), after.rounds)

    def _rounds(self, judgement: Judgement) -> int:
        """Nothing to change may be right, so that is asked about once."""
        once = judgement.reason in (Reason.NO_CHANGE, Reason.NO_EFFECT)
        return min(self.settings.rounds, 1) if once else self.settings.rounds

    @property
    def _root(self) -> Path:
        return Path(self.conversation.workspace.working_dir)

    @property
    def _request(self) -> str:
        return self.conversation.state.last_user_message_id or ""

    def _last_act(self) -> Event | None:
        """The agent's last act or message; notices and states are neither."""
        recent = self.conversation.state.active_branch(limit=_LOOK_BACK)
        kinds = (ActionEvent, ObservationEvent, MessageEvent)
        return next((e for e in reversed(recent) if isinstance(e, kinds)), None)

    def _since_request(self) -> Sequence[Event]:
        events = self.conversation.state.active_branch()
        starts = [i for i, e in enumerate(events) if _is_request(e)]
        return events[starts[-1] :] if starts else events

    def _asked(self) -> Reason | None:
        """What the agent was asked in this request, or must not be asked."""
        texts = [text for text in self._told() if ASKED in text]
        if any(OUTDATED in text for text in texts):
            return Reason.OLD_TESTS_FAIL
        return None if self.settings.rounds and not texts else Reason.NOT_SHOWN

    def _sent_back(self) -> int:
        """Times that rejected work went back; a crash cannot set back the log."""
        return max(self.known.rounds, sum(ASKED not in t for t in self._told()))

    def _told(self) -> list[str]:
        """What the agent was told of its work on this request, by the log."""
        texts = [
            _text(e)
            for e in self._since_request()
            if isinstance(e, MessageEvent) and e.source == "environment"
        ]
        return [text for text in texts if text.startswith(PREFIX)]


def _message(evidence: str) -> MessageEvent:
    # As the SDK marks the feedback of its own stop hooks: no user has said this.
    # To the model and the router it is a user's message; what tests print is no order.
    told = "Your work was checked and is not accepted yet."
    text = f"{PREFIX} {told}\n\n{defused(evidence)}"
    content = [TextContent(text=text)]
    return MessageEvent(
        source="environment", llm_message=Message(role="user", content=content)
    )


def _is_finish(event: Event | None) -> bool:
    return isinstance(event, ObservationEvent) and event.tool_name == FinishTool.name


def _is_request(event: Event) -> bool:
    return isinstance(event, MessageEvent) and event.source == "user"


def _text(event: Event) -> str:
    if not isinstance(event, MessageEvent):
        return ""
    content = event.llm_message.content
    return "\n".join(c.text for c in content if isinstance(c, TextContent))
