"""How the work of a conversation is verified, with its telemetry and code graph."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from openhands.sdk import LocalConversation

from openhands_tiered_router.guards.verify.finish import Finish, Judged
from openhands_tiered_router.guards.verify.settings import VerifySettings
from openhands_tiered_router.record.telemetry.recorder import (
    TelemetryRecorder,
    recorder_from_environment,
)
from openhands_tiered_router.record.telemetry.records import Verdict
from openhands_tiered_router.sdk.graphs import live_graphs


def finish_of(
    conversation: LocalConversation,
    settings: VerifySettings,
    *,
    recorder: TelemetryRecorder | None = None,
    graph: bool = True,
    escalate: Callable[[int], None] = lambda _: None,
) -> Finish:
    """How the ends of a conversation are verified.

    Args:
        conversation: Whose work it is.
        settings: How it is verified.
        recorder: Takes the verdicts; ``None``: the one that the environment names.
        graph: Whether the code graph may choose the tests.
        escalate: Takes the number of rejections in a row.
    """
    known = recorder_from_environment() if recorder is None else recorder

    def record(judged: Judged, sent_back: int) -> None:
        known.record_verdict(verdict_of(str(conversation.id), judged, sent_back))

    finish = Finish(
        conversation=conversation, settings=settings, record=record, escalate=escalate
    )
    return replace(finish, graph=live_graphs().current) if graph else finish


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
