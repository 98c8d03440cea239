"""The rules that make a turn acceptable to another model, in one visible order.

A rule takes a turn and what is known about it, and gives back the turn: the same
object if nothing had to change. It copies what it changes and mutates nothing.
Where a provider is named, ``docs/history.md`` has the issue that shows the error.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openhands.sdk.llm import (
    ImageContent,
    Message,
    MessageToolCall,
    TextContent,
)
from pydantic import BaseModel

from openhands_tiered_router.calls.history.authors import NO_ANSWER
from openhands_tiered_router.calls.history.target import Target
from openhands_tiered_router.tokens import left_out
from openhands_tiered_router.tokens.masking import notice


if TYPE_CHECKING:
    from openhands.sdk.llm import Message


Turn = tuple["Message", ...]
"""One message, or an assistant message that calls tools and then the results."""


def split(messages: Iterable[Message]) -> list[list[Message]]:
    """The turns of ``messages`` in order; a result that came late joins its call.

    A result that no call waits for is a turn of its own. Of two calls that wait
    with the same id the later one gets the result.
    """
    turns: list[list[Message]] = []
    waiting: dict[str, list[list[Message]]] = {}
    for message in messages:
        if message.role == "tool" and message.tool_call_id is not None:
            callers = waiting.get(message.tool_call_id)
            if callers:
                callers.pop().append(message)
                continue
        turn = [message]
        turns.append(turn)
        if message.role == "assistant" and message.tool_calls:
            for call in message.tool_calls:
                waiting.setdefault(call.id, []).append(turn)
    return turns


NO_RESULT: Final = "[No result: the call was not completed.]"
FILLER: Final = " "
"""The least that Kimi and DeepSeek accept as ``reasoning_content`` (litellm's too)."""
BLANK: Final = {
    "user": "(empty message)",
    "tool": "(no output)",
    "assistant": NO_ANSWER,
    "system": "(no instructions)",
}
MAX_NAME: Final = 64
"""Characters of a tool's name; OpenAI's limit, the shortest."""
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Context:
    """What the rules know about a turn besides its messages."""

    target: Target
    own: bool
    """The target wrote it, and may have back what it signed."""
    ids: tuple[str, ...]
    """The id that each of its calls gets."""
    unseen: bool = False
    """The target never saw its results, and gets notices of them."""


Rule = Callable[[Turn, Context], Turn]


def orphan_result(turn: Turn, _: Context) -> Turn:
    """A result without its call becomes the user's note: every provider refuses it."""
    head = turn[0]
    if head.role != "tool":
        return turn
    note = TextContent(text=f"[Result of an earlier call of {head.name or 'a tool'}]")
    return (Message(role="user", content=[note, *head.content]),)


def missing_results(turn: Turn, _: Context) -> Turn:
    """A call without its result gets one that says so."""
    calls = turn[0].tool_calls
    if turn[0].role != "assistant" or not calls or len(turn) > len(calls):
        return turn
    answered = Counter(result.tool_call_id for result in turn[1:])
    added = []
    for call in calls:
        if answered[call.id]:
            answered[call.id] -= 1
        else:
            added.append(_result(call, [TextContent(text=NO_RESULT)]))
    return (*turn, *added)


def thinking(turn: Turn, context: Context) -> Turn:
    """Thinking blocks go back to nobody but the endpoint that signed them."""
    head = turn[0]
    if not head.thinking_blocks or context.own or context.target.wire == "responses":
        return turn
    return (_copy(head, thinking_blocks=[]), *turn[1:])


def reasoning_items(turn: Turn, context: Context) -> Turn:
    """Encrypted reasoning, and the item ids that refer to it, likewise."""
    head = turn[0]
    if context.own or context.target.wire != "responses":
        return turn
    calls = head.tool_calls
    named = any(call.responses_item_id for call in calls or ())
    if head.responses_reasoning_item is None and not named:
        return turn
    if named:
        calls = [_copy(call, responses_item_id=None) for call in calls or ()]
    return (_copy(head, responses_reasoning_item=None, tool_calls=calls), *turn[1:])


def reasoning_content(turn: Turn, context: Context) -> Turn:
    """Where ``reasoning_content`` is expected, it is the target's own or a filler."""
    head = turn[0]
    if not context.target.reasoning_content or head.role != "assistant":
        return turn
    wanted = (head.reasoning_content if context.own else None) or FILLER
    if head.reasoning_content == wanted:
        return turn
    return (_copy(head, reasoning_content=wanted), *turn[1:])


def call_ids(turn: Turn, context: Context) -> Turn:
    """Calls and their results get the ids that were chosen for them."""
    calls = turn[0].tool_calls
    if not context.ids or not calls:
        return turn
    if all(call.id == new for call, new in zip(calls, context.ids, strict=True)):
        return turn
    renamed: dict[str | None, deque[str]] = {}
    for call, new in zip(calls, context.ids, strict=True):
        renamed.setdefault(call.id, deque()).append(new)
    pairs = zip(calls, context.ids, strict=True)
    head = _copy(turn[0], tool_calls=[_copy(call, id=new) for call, new in pairs])
    results = (
        _copy(r, tool_call_id=renamed[r.tool_call_id].popleft()) for r in turn[1:]
    )
    return (head, *results)


def call_names(turn: Turn, _: Context) -> Turn:
    """Tool names, which weak models invent, hold letters, digits, ``_`` and ``-``."""
    calls = turn[0].tool_calls
    if turn[0].role != "assistant" or not calls:
        return turn
    names = {call.id: clean_name(call.name) for call in calls}
    head = turn[0]
    if any(call.name != names[call.id] for call in calls):
        calls = [_copy(call, name=clean_name(call.name)) for call in calls]
        head = _copy(head, tool_calls=calls)
    changed = head is not turn[0]
    results = [
        result
        if result.name
        and (not changed or result.name == names[result.tool_call_id or ""])
        else _copy(result, name=names[result.tool_call_id or ""])
        for result in turn[1:]
    ]
    return _replace(turn, (head, *results))


def call_arguments(turn: Turn, _: Context) -> Turn:
    """Arguments are a JSON object; what is not becomes the value of one."""
    calls = turn[0].tool_calls
    if turn[0].role != "assistant" or not calls:
        return turn
    valid = [json_object(call.arguments) for call in calls]
    if all(call.arguments is new for call, new in zip(calls, valid, strict=True)):
        return turn
    pairs = zip(calls, valid, strict=True)
    calls = [_copy(call, arguments=arguments) for call, arguments in pairs]
    return (_copy(turn[0], tool_calls=calls), *turn[1:])


def unseen_results(turn: Turn, context: Context) -> Turn:
    """A model that takes over gets notices of old results that it never saw."""
    if not context.unseen:
        return turn
    return _replace(turn, (turn[0], *(_as_notice(result) for result in turn[1:])))


def images(turn: Turn, context: Context) -> Turn:
    """A model that cannot see is given a note that there was an image."""
    if context.target.vision:
        return turn
    return _replace(turn, tuple(_without_images(message) for message in turn))


def blank_content(turn: Turn, _: Context) -> Turn:
    """No empty text: Anthropic refuses it, the SDK's cache marking fails on it, and
    its Responses serialiser leaves a call unanswered for lack of it."""
    return _replace(turn, tuple(_without_blanks(message) for message in turn))


def single_calls(turn: Turn, context: Context) -> Turn:
    """Mocked tool calling knows one call a message; the SDK raises on more."""
    calls = turn[0].tool_calls or []
    if not context.target.mocked_tools or len(calls) < 2 or len(turn) == 1:
        return turn
    results = {result.tool_call_id: result for result in turn[1:]}
    parts: list[Message] = []
    for i, call in enumerate(calls):
        changes: dict[str, Any] = {"tool_calls": [call]}
        if i:
            changes |= {"content": [], "thinking_blocks": []}
            changes["responses_reasoning_item"] = None
        parts += [_copy(turn[0], **changes), results[call.id]]
    return tuple(parts)


def calls_as_text(turn: Turn, context: Context) -> Turn:
    """Calls and results written out, for a provider that refuses foreign calls."""
    calls = turn[0].tool_calls
    if not context.target.tools_as_text or turn[0].role != "assistant" or not calls:
        return turn
    said = [TextContent(text=f"[Called {c.name} with {c.arguments}]") for c in calls]
    head = _copy(turn[0], content=[*turn[0].content, *said], tool_calls=None)
    seen: list[TextContent | ImageContent] = []
    for result in turn[1:]:
        seen += [TextContent(text=f"[Result of {result.name}]"), *result.content]
    return (head, Message(role="user", content=seen))


RULES: Final[tuple[Rule, ...]] = (
    orphan_result,
    missing_results,
    thinking,
    reasoning_items,
    reasoning_content,
    call_ids,
    call_names,
    call_arguments,
    unseen_results,
    images,
    blank_content,
    single_calls,
    calls_as_text,
)


def apply(turn: Turn, context: Context, rules: Sequence[Rule] = RULES) -> Turn:
    """The turn after all ``rules``; the same object if none had to change it."""
    for rule in rules:
        turn = rule(turn, context)
    return turn


def clean_name(name: str) -> str:
    """``name`` as every provider takes it; unchanged if it is such already."""
    return _NOT_IN_NAME.sub("_", name)[:MAX_NAME] or "unnamed"


def json_object(arguments: str) -> str:
    """``arguments`` if it is a JSON object, else an object that holds it."""
    try:
        value = json.loads(arguments) if arguments.strip() else {}
    except (ValueError, RecursionError):
        value = arguments
    if isinstance(value, dict):
        return arguments if arguments.strip() else "{}"
    return json.dumps({"arguments": value})


def _as_notice(result: Message) -> Message:
    parts: list[TextContent | ImageContent] = [
        _copy(part, text=notice(part.text)) if isinstance(part, TextContent) else part
        for part in result.content
    ]
    if parts == result.content:
        return result
    for part, whole in zip(parts, result.content, strict=True):
        if isinstance(part, TextContent) and isinstance(whole, TextContent):
            left_out.note(part.text, whole.text)
    return _copy(result, content=parts)


def _without_images(message: Message) -> Message:
    if not message.contains_image:
        return message
    return _copy(
        message,
        content=[
            _note(part) if isinstance(part, ImageContent) else part
            for part in message.content
        ],
    )


def _note(image: ImageContent) -> TextContent:
    count = len(image.image_urls)
    what = "an image was" if count == 1 else f"{count} images were"
    text = f"[Here {what} shown, which this model cannot see.]"
    return TextContent(text=text, cache_prompt=image.cache_prompt)


def _without_blanks(message: Message) -> Message:
    content = message.content
    solid: list[TextContent | ImageContent] = [p for p in content if not _is_blank(p)]
    calling = message.role == "assistant" and message.tool_calls
    if len(solid) == len(content) and (solid or calling):
        return message
    if not solid and not calling:
        solid = [TextContent(text=BLANK[message.role])]
    if solid and any(part.cache_prompt for part in content):
        solid[-1] = _copy(solid[-1], cache_prompt=True)
    return _copy(message, content=solid)


def _is_blank(part: TextContent | ImageContent) -> bool:
    if isinstance(part, TextContent):
        return not part.text or part.text.isspace()
    return not part.image_urls


def _result(call: MessageToolCall, content: list[TextContent]) -> Message:
    return Message(
        role="tool", content=content, tool_call_id=call.id, name=call.name or None
    )


def _replace(turn: Turn, changed: Turn) -> Turn:
    """``turn`` itself where ``changed`` holds the very same messages."""
    same = all(old is new for old, new in zip(turn, changed, strict=True))
    return turn if same else changed


def _copy[M: BaseModel](model: M, **changes: Any) -> M:
    return model.model_copy(update=changes)
