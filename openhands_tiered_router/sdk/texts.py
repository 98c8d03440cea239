"""What a routed call's texts are: the user's new words, and the model's answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import takewhile

from openhands.sdk.llm import LLMResponse, Message

from openhands_tiered_router.calls.fleet import RoutedCall
from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder
from openhands_tiered_router.record.telemetry.texts import RawTexts, clipped
from openhands_tiered_router.sdk.messages import entry_of


def record_texts(
    recorder: TelemetryRecorder,
    call: RoutedCall,
    messages: Sequence[Message],
    response: LLMResponse | None,
    *,
    most: int,
    secrets: Callable[[], Collection[str]],
) -> None:
    """Records what was said in a call, if anything; returns at once.

    Args:
        recorder: Where to.
        call: The call, which is already recorded.
        messages: All that was sent.
        response: What came back; ``None``: nothing.
        most: Bytes to keep of each text.
        secrets: See ``RawTexts``.
    """
    asked = takewhile(lambda m: m.role == "user", reversed(messages))
    words = "\n\n".join(reversed([entry_of(m).text for m in asked]))
    if not words and response is None:
        return
    recorder.record_texts(
        RawTexts(
            decision_id=call.decision_id,
            request=clipped(words, most),
            answer=None if response is None else entry_of(response.message),
            most=most,
            secrets=secrets,
        )
    )
