"""How the work of a conversation is verified, with its telemetry and code graph."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from openhands.sdk import LocalConversation

from openhands_tiered_router.guards.verify.finish import Finish, Judged
from openhands_tiered_router.guards.verify.settings import VerifySettings
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.record.telemetry.recorder import (
    TelemetryRecorder,
    recorder_from_environment,
)
from openhands_tiered_router.record.telemetry.records import Verdict
from openhands_tiered_router.sdk.graphs import live_graphs
from openhands_tiered_router.sdk.setup import RouterSetup


def finish_of(
    conversation: LocalConversation,
    settings: VerifySettings,
    *,
    recorder: TelemetryRecorder | None = None,
    graph: bool = True,
    escalate: Callable[[int], None] = lambda _: None,
    not_worth: Callable[[], str] = lambda: "",
) -> Finish:
    """How the ends of a conversation are verified.

    Args:
        conversation: Whose work it is.
        settings: How it is verified.
        recorder: Takes the verdicts; ``None``: the one that the environment names.
        graph: Whether the code graph may choose the tests.
        escalate: Takes the number of rejections in a row.
        not_worth: Why another try is not worth its cost; "": it may be.
    """
    known = recorder_from_environment() if recorder is None else recorder

    def record(judged: Judged, sent_back: int) -> None:
        known.record_verdict(verdict_of(str(conversation.id), judged, sent_back))

    finish = Finish(
        conversation=conversation,
        settings=settings,
        record=record,
        escalate=escalate,
        not_worth=not_worth,
    )
    return replace(finish, graph=live_graphs().current) if graph else finish


def not_worth_another_try(setup: RouterSetup, conversation_id: str) -> str:
    """Why the next turn of rejected work is not worth its cost; "": it may be."""
    state = setup.fleet.session(conversation_id).state
    asked = RoutingRequest(
        session_id=conversation_id,
        purpose=Purpose.TURN,
        prompt_tokens=state.expected_prompt(),
        images=state.images,
        needs_tools=True,
    )
    decision = setup.engine.decide(asked, state, now=time.time(), fleet=setup)
    return "" if decision.pinned else decision.not_worth


def verdict_of(conversation_id: str, judged: Judged, sent_back: int) -> Verdict:
    """What telemetry keeps of a judgement."""
    judgement = judged.judgement
    return Verdict(
        conversation_id=conversation_id,
        time=time.time(),
        accepted=judgement.accepted,
        reason=str(judgement.reason),
        round=sent_back,
        tests=judgement.tests,
        failing=judgement.failing,
        already_failing=judgement.already_failing,
        seconds=judged.seconds,
    )
