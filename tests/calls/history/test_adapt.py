"""Properties that hold for any history, and the cache behind them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given, settings, strategies as st
from openhands.sdk.llm import (
    ImageContent,
    Message,
    MessageToolCall,
    ReasoningItemModel,
    TextContent,
    ThinkingBlock,
)

from openhands_tiered_router.calls.history.adapt import HistoryAdapter
from openhands_tiered_router.calls.history.authors import Authors
from openhands_tiered_router.calls.history.rules import NO_RESULT
from openhands_tiered_router.calls.history.target import Target
from tests.calls.history.histories import AUTHORS, adapt, history, picture, result, user


TEXT = st.sampled_from(["", " ", "hello", "a\nb", "ö😀"])
IDS = st.sampled_from(["a", "a.b", "a_b", "f.x:0", "c__thought__x+/=", "", "z" * 70])
CONTENT = st.lists(
    st.builds(TextContent, text=TEXT, cache_prompt=st.booleans())
    | st.builds(ImageContent, image_urls=st.lists(st.just("data:x"), max_size=2)),
    max_size=3,
)
CALL = st.builds(
    MessageToolCall,
    id=IDS,
    responses_item_id=st.none() | IDS,
    name=st.sampled_from(["terminal", "no such tool!", ""]),
    arguments=st.sampled_from(["{}", "", "[1]", "{bad", '{"a": 1}']),
    origin=st.sampled_from(["completion", "responses"]),
)
MESSAGE = st.builds(
    Message,
    role=st.sampled_from(["user", "system", "assistant", "tool"]),
    content=CONTENT,
    tool_calls=st.none() | st.lists(CALL, max_size=3),
    tool_call_id=st.none() | IDS,
    name=st.none() | st.just("terminal"),
    reasoning_content=st.none() | TEXT,
    thinking_blocks=st.lists(
        st.builds(ThinkingBlock, thinking=TEXT, signature=st.none() | TEXT), max_size=2
    ),
    responses_reasoning_item=st.none() | st.builds(ReasoningItemModel, id=IDS),
)
HISTORY = st.lists(MESSAGE, max_size=12)
TARGET = st.builds(
    Target,
    key=st.just("mine"),
    wire=st.sampled_from(["chat", "responses"]),
    thinking=st.sampled_from(["none", "manual", "adaptive"]),
    thinking_blocks=st.booleans(),
    reasoning_content=st.booleans(),
    vision=st.booleans(),
    mocked_tools=st.booleans(),
    short_ids=st.booleans(),
)
OWNED = st.sets(st.integers(0, 11))


def owned(messages: list[Message], which: set[int]) -> Authors:
    authors = Authors()
    for i, message in enumerate(messages):
        if message.role == "assistant":
            authors.record(message, "mine" if i in which else "other")
    return authors


@given(HISTORY, TARGET, OWNED)
def test_any_history_is_accepted_and_left_alone(
    messages: list[Message], target: Target, which: set[int]
) -> None:
    before = [m.model_dump_json() for m in messages]
    objects = list(messages)
    authors = owned(messages, which)
    adapted = adapt(messages, target, authors)
    assert [m.model_dump_json() for m in messages] == before
    assert all(a is b for a, b in zip(messages, objects, strict=True))
    open_calls: set[str] = set()
    for message in adapted:
        if message.role == "tool":
            assert message.tool_call_id in open_calls
            assert message.name
            open_calls.remove(message.tool_call_id or "")
            continue
        assert not open_calls, "a call is not followed by its results"
        if message.role == "assistant":
            calls = message.tool_calls or []
            open_calls = {call.id for call in calls}
            assert len(open_calls) == len(calls)
            assert len(calls) <= 1 or not target.mocked_tools
        assert message.content or message.tool_calls
    assert not open_calls


@given(HISTORY, TARGET, OWNED)
def test_adapting_twice_changes_nothing_more(
    messages: list[Message], target: Target, which: set[int]
) -> None:
    # An answer without calls is known by its text, which a note on an image changes;
    # no model answers with an image.
    assume(not any(m.contains_image for m in messages if m.role == "assistant"))
    # Split for mocked tools, an answer is known by its call ids alone, and here two
    # authors may have chosen the same: then the second look may differ.
    authors = owned(messages, set() if target.mocked_tools else which)
    once = adapt(messages, target, authors)
    assert adapt(once, target, authors) == once


@given(HISTORY, TARGET, OWNED)
def test_text_and_user_messages_stay(
    messages: list[Message], target: Target, which: set[int]
) -> None:
    adapted = adapt(messages, target, owned(messages, which))
    texts = [p.text for m in adapted for p in m.content if p.type == "text"]
    for message in messages:
        for part in message.content:
            if part.type == "text" and part.text.strip():
                assert part.text in texts
    asked = [m for m in messages if m.role == "user"]
    kept = [m for m in adapted if m.role == "user" and not is_note(m)]
    assert len(kept) == len(asked)
    for old, new in zip(asked, kept, strict=True):
        old_texts = [p.text for p in old.content if p.type == "text" and p.text.strip()]
        new_texts = [p.text for p in new.content if p.type == "text"]
        assert new_texts[: len(old_texts)] == old_texts or not target.vision


def is_note(message: Message) -> bool:
    head = message.content[0]
    return head.type == "text" and head.text.startswith("[Result of an earlier call")


@settings(max_examples=50)
@given(HISTORY, HISTORY, TARGET, OWNED)
def test_the_cache_changes_no_result(
    first: list[Message], more: list[Message], target: Target, which: set[int]
) -> None:
    authors = owned(first + more, which)
    adapter = HistoryAdapter(target, authors)
    for messages in (first, first + more, more, first):
        again = [m.model_copy(deep=True) for m in messages]
        assert adapter.adapt(again) == adapt(messages, target, authors)


def test_the_same_list_comes_back_if_nothing_changes() -> None:
    messages, authors = history("chat", "chat")
    assert adapt(messages, Target(key="chat"), authors) is messages


def test_unchanged_messages_are_not_copied() -> None:
    messages, authors = history("manual")
    adapted = adapt(messages, Target(key="chat"), authors)
    assert [a is b for a, b in zip(adapted, messages, strict=True)] == [
        True,
        True,
        False,
        True,
    ]


def test_a_growing_history_keeps_its_prefix() -> None:
    writers = ["kimi", "manual", "gemini", "adaptive", "responses", "kimi"]
    messages, authors = history(*writers)
    adapter = HistoryAdapter(Target(key="adaptive", thinking="adaptive"), authors)
    before: list[Message] = []
    for end in range(2, len(messages) + 1, 2):
        now = list(adapter.adapt(messages[:end]))
        assert now[: len(before)] == before
        before = now


def test_a_call_without_result_gets_one_that_says_so() -> None:
    messages, authors = history("chat")
    adapted = adapt(messages[:-1], Target(key="chat"), authors)
    assert adapted[-1].role == "tool"
    assert adapted[-1].tool_call_id == (messages[2].tool_calls or [])[0].id
    assert [p.text for p in adapted[-1].content if p.type == "text"] == [NO_RESULT]


def test_a_late_result_follows_its_call() -> None:
    call, late = AUTHORS["chat"].turn(0)
    messages = [user(), call, user("And quickly."), late]
    adapted = adapt(messages, Target(key="x"), Authors())
    assert [m.role for m in adapted] == ["user", "assistant", "tool", "user"]


def test_a_result_without_call_becomes_a_note() -> None:
    adapted = adapt([user(), result("gone", "42 passed")], Target(key="x"), Authors())
    assert [m.role for m in adapted] == ["user", "user"]
    assert "42 passed" in str(adapted[1].content)


def test_an_image_is_named_to_a_model_that_cannot_see() -> None:
    adapted = adapt([picture()], Target(key="x", vision=False), Authors())
    assert not adapted[0].contains_image
    assert "cannot see" in str(adapted[0].content[-1])


def test_cleaned_ids_do_not_collide() -> None:
    messages = [user()]
    for id_ in ("f.x:0", "f_x_0", "f.x.0"):
        call, answer = AUTHORS["chat"].turn(0)
        call.tool_calls = [(call.tool_calls or [])[0].model_copy(update={"id": id_})]
        messages += [call, answer.model_copy(update={"tool_call_id": id_})]
    adapted = adapt(messages, Target(key="x"), Authors())
    calls = [m.tool_calls[0].id for m in adapted if m.tool_calls]
    assert len(set(calls)) == 3
    assert calls == [m.tool_call_id for m in adapted if m.role == "tool"]


def test_mistral_gets_ids_of_nine() -> None:
    messages, authors = history("chat", "kimi", "manual")
    target = Target(key="x", short_ids=True)
    for message in adapt(messages, target, authors):
        for call in message.tool_calls or []:
            assert len(call.id) == 9
            assert call.id.isalnum()


def test_an_author_that_becomes_known_counts_at_the_next_call() -> None:
    messages, _ = history("adaptive")
    authors = Authors()
    adapter = HistoryAdapter(Target(key="adaptive", thinking="adaptive"), authors)
    assert not adapter.adapt(messages)[2].thinking_blocks
    authors.record(messages[2], "adaptive")
    assert adapter.adapt(messages) is messages


def test_a_new_finding_about_the_target_counts_at_once() -> None:
    messages, authors = history("adaptive")
    adapter = HistoryAdapter(Target(key="adaptive", thinking="adaptive"), authors)
    assert adapter.adapt(messages) is messages
    adapter.retarget(replace(adapter.target, thinking_blocks=False), disown=False)
    assert not adapter.adapt(messages)[2].thinking_blocks
