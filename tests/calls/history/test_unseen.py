"""A model that takes over gets notices of what it never saw, and only of that."""

from __future__ import annotations

from hypothesis import given, strategies as st
from openhands.sdk.llm import Message, MessageToolCall, TextContent

from openhands_tiered_router.calls.history.adapt import HistoryAdapter
from openhands_tiered_router.calls.history.authors import Authors
from openhands_tiered_router.calls.history.target import Target
from openhands_tiered_router.tokens.masking import KEEP
from tests.calls.history.histories import adapt


ME = "me"
TARGET = Target(key=ME, shortens=True)
WHO = st.lists(st.sampled_from([ME, "other", "third", None]), max_size=40)


def told(who: list[str | None]) -> tuple[list[Message], Authors]:
    """A history in which each of them answered once, with a long result each."""
    authors = Authors()
    messages = [Message(role="user", content=[TextContent(text="Look.")])]
    for number, author in enumerate(who):
        call = MessageToolCall(
            id=f"c{number}", name="terminal", arguments="{}", origin="completion"
        )
        answer = Message(
            role="assistant", content=[TextContent(text="So.")], tool_calls=[call]
        )
        if author is not None:
            authors.record(answer, author)
        text = f"result {number}\n" + f"a line of it {number}\n" * 40
        result = Message(
            role="tool",
            name="terminal",
            tool_call_id=call.id,
            content=[TextContent(text=text)],
        )
        messages += [answer, result]
    return messages, authors


def whole(messages: list[Message]) -> list[bool]:
    """Of each result, whether it is there in full."""
    results = [m.content[0] for m in messages if m.role == "tool"]
    texts = [part.text for part in results if isinstance(part, TextContent)]
    return ["left out here" not in text for text in texts]


@given(WHO)
def test_what_it_saw_stays_as_it_saw_it(who: list[str | None]) -> None:
    _, authors = told(who)
    incremental = HistoryAdapter(TARGET, authors)
    last: list[Message] = []
    for count in range(len(who) + 1):
        if count < len(who) and who[count] != ME:
            continue
        now = incremental.adapt(told(who[:count])[0])
        assert now[: len(last)] == last
        assert now == adapt(told(who[:count])[0], TARGET, authors)
        last = now


@given(WHO)
def test_the_newest_are_whole_and_all_are_for_who_is_alone(
    who: list[str | None],
) -> None:
    messages, authors = told(who)
    shown = whole(adapt(messages, TARGET, authors))
    assert all(shown[-KEEP:])
    if not set(who) - {ME, None}:
        assert all(shown)
    assert all(whole(adapt(messages, Target(key=ME), authors)))


def test_of_a_long_stretch_of_another_the_newest_are_whole() -> None:
    messages, authors = told([ME, *["other"] * 14])
    shown = whole(adapt(messages, TARGET, authors))
    # Its own call's result, too, came when another had taken over.
    assert shown == [False] * 5 + [True] * KEEP


def test_unknown_authors_count_as_itself() -> None:
    messages, authors = told([None] * 20)
    assert all(whole(adapt(messages, TARGET, authors)))
