"""An image that no model sees is refused; nothing is sent blind."""

from __future__ import annotations

import pytest
from openhands.sdk.conversation.state import ConversationExecutionStatus
from openhands.sdk.event import MessageEvent
from openhands.sdk.llm import ImageContent, Message, TextContent

from .conftest import HELLO


PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlE"
    "QVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def asked() -> Message:
    return Message(
        role="user",
        content=[TextContent(text="Look."), ImageContent(image_urls=[PICTURE])],
    )


async def test_a_conversation_ends_with_the_refusal(world, llm) -> None:
    for run in ("sync", "async"):
        conversation = world.conversation(world.agent(llm(disable_vision=True)))
        conversation.send_message(asked())
        if run == "sync":
            conversation.run()
        else:
            await conversation.arun()
        said = [e for e in conversation.state.events if isinstance(e, MessageEvent)]
        text = said[-1].llm_message.content[0]
        assert isinstance(text, TextContent)
        assert said[-1].source == "agent"
        assert "image understanding" in text.text
        status = conversation.state.execution_status
        assert status is ConversationExecutionStatus.FINISHED
        assert world.spent(conversation) == 0
    assert not world.provider.requests


def test_with_eyes_it_is_sent(world, llm) -> None:
    conversation = world.conversation(world.agent(llm()))
    conversation.send_message(asked())
    conversation.run()
    assert PICTURE in str(world.provider.requests[0].body)


def test_one_tier_that_sees_is_enough(world) -> None:
    router = world.router()
    for key in ("simple", "medium", "complex"):
        router.llms_for_routing[key].disable_vision = True
    router.generate([asked()])
    (request,) = world.provider.requests
    assert request.model == "claude-opus-4-5"


def test_an_earlier_image_does_not_stop_the_conversation(world, llm) -> None:
    model = llm(disable_vision=True)
    messages = [asked(), Message(role="assistant", content=[TextContent(text="No.")])]
    model.generate([*messages, *HELLO])
    assert len(world.provider.requests) == 1


@pytest.mark.parametrize("tier", ["simple", "reasoning"])
def test_a_direct_call_to_a_blind_router_is_refused(world, tier: str) -> None:
    router = world.router(llm_fields={"disable_vision": True})
    answer = router.generate([asked()], tier=tier)
    assert "supports image understanding" in str(answer.message.content)
    assert not world.provider.requests
