"""Images where no endpoint sees them: refused, as the SDK's agent refuses them.

The agent asks a plain model whether it sees; of a router it does not ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from litellm.types.utils import Choices, Message as LiteLLMMessage, ModelResponse
from openhands.sdk.llm import ImageContent, LLMResponse, Message, TextContent
from openhands.sdk.llm.utils.metrics import MetricsSnapshot


if TYPE_CHECKING:
    from openhands_tiered_router.sdk.entries import CallArguments


INSPECT: Final = "inspect_image_with_vision"
"""The SDK's tool that has another model look at an image."""
_REFUSAL: Final = (
    "I received your image, but no model of the router ({model} and the others) "
    "supports image understanding. Please switch to a multimodal model, or add one to "
    "the router's tiers, to analyze the image."
)


def seen(
    call: CallArguments, sees: bool, model: str = "its default tier"
) -> CallArguments | LLMResponse:
    """The call as it may be sent, or the refusal, which costs nothing.

    Args:
        call: The call; only the user's latest message counts, as for the SDK.
        sees: Whether some endpoint sees images.
        model: For the refusal.
    """
    if sees:
        return call
    place = _latest_from_user(call.messages)
    if place is None or not call.messages[place].contains_image:
        return call
    if any(tool.name == INSPECT for tool in call.tools or ()):
        messages = list(call.messages)
        messages[place] = _referring(messages[place])
        return replace(call, messages=messages)
    return _refusal(_REFUSAL.format(model=model))


def _latest_from_user(messages: Sequence[Message]) -> int | None:
    users = (i for i, m in enumerate(messages) if m.role == "user")
    return max(users, default=None)


def _referring(message: Message) -> Message:
    """With the images' numbers, by which the tool finds them."""
    content: list[TextContent | ImageContent] = []
    number = 0
    for part in message.content:
        if not isinstance(part, ImageContent):
            content.append(part)
            continue
        for _ in part.image_urls:
            text = (
                f"[Image {number} is attached to this message. Call {INSPECT} with "
                f"image_index={number} to look at it.]"
            )
            content.append(TextContent(text=text))
            number += 1
    return message.model_copy(update={"content": content})


def _refusal(text: str) -> LLMResponse:
    choice = Choices(
        message=LiteLLMMessage(role="assistant", content=text), finish_reason="stop"
    )
    return LLMResponse(
        message=Message(role="assistant", content=[TextContent(text=text)]),
        metrics=MetricsSnapshot(),
        raw_response=ModelResponse(id=f"refused-{uuid4()}", choices=[choice]),
    )
