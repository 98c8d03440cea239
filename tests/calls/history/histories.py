"""Histories as different models write them."""

from __future__ import annotations

from dataclasses import dataclass

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
from openhands_tiered_router.calls.history.target import Target


@dataclass(frozen=True)
class Author:
    """A model, and what is typical of the messages it writes."""

    model: str
    call_id: str
    thoughts: str = ""
    """A marker in whatever reasoning it leaves; must not reach another model."""

    def turn(self, number: int, calls: int = 1) -> list[Message]:
        """An assistant message with calls, and the results."""
        tool_calls = [
            MessageToolCall(
                id=self.call_id.format(number * 10 + i),
                responses_item_id=f"fc_item{number}{i}" if self.responses else None,
                name="terminal",
                arguments='{"command": "ls"}',
                origin="responses" if self.responses else "completion",
            )
            for i in range(calls)
        ]
        message = Message(
            role="assistant",
            content=[TextContent(text=f"Step {number} by {self.model}")],
            tool_calls=tool_calls,
        )
        if self.responses:
            message.responses_reasoning_item = ReasoningItemModel(
                id=f"rs_{number}", encrypted_content=f"{self.thoughts}{number}"
            )
        elif self.thoughts and "claude" in self.model:
            block = ThinkingBlock(thinking=self.thoughts, signature=f"sig{number}")
            message.thinking_blocks = [block]
            message.reasoning_content = self.thoughts
        elif self.thoughts:
            message.reasoning_content = self.thoughts
        return [message, *(result(c.id, f"output {number}") for c in tool_calls)]

    @property
    def responses(self) -> bool:
        return "gpt-5" in self.model


AUTHORS = {
    "chat": Author("openai/gpt-4o", "call_{:024d}"),
    "responses": Author("openai/gpt-5-codex", "call_r{:023d}", "SECRET-codex"),
    "manual": Author("anthropic/claude-sonnet-4-5", "toolu_{:022d}", "SECRET-sonnet"),
    "adaptive": Author("anthropic/claude-opus-4-7", "toolu_o{:021d}", "SECRET-opus"),
    "kimi": Author("moonshot/kimi-k2.5", "functions.terminal:{}", "SECRET-kimi"),
    "deepseek": Author(
        "deepseek/deepseek-reasoner", "call_00_{:020d}", "SECRET-deepseek"
    ),
    "gemini": Author("gemini/gemini-3-pro-preview", "call_g{}__thought__U0VD+/UkVU=="),
}


def user(text: str = "Fix the test.") -> Message:
    return Message(role="user", content=[TextContent(text=text)])


def system() -> Message:
    return Message(role="system", content=[TextContent(text="You are an agent.")])


def result(call_id: str, text: str) -> Message:
    return Message(
        role="tool",
        name="terminal",
        tool_call_id=call_id,
        content=[TextContent(text=text)],
    )


def picture() -> Message:
    url = "data:image/png;base64,iVBORw0KGgo="
    return Message(
        role="user",
        content=[TextContent(text="Look."), ImageContent(image_urls=[url])],
    )


def history(*writers: str, calls: int = 1) -> tuple[list[Message], Authors]:
    """A task on which the writers took one turn each, and who wrote what."""
    messages = [system(), user()]
    authors = Authors()
    for number, writer in enumerate(writers):
        turn = AUTHORS[writer].turn(number, calls)
        authors.record(turn[0], writer)
        messages += turn
    return messages, authors


def adapt(messages: list[Message], target: Target, authors: Authors) -> list[Message]:
    """``messages`` as ``target`` accepts them, by an adapter that knows nothing yet."""
    return HistoryAdapter(target, authors).adapt(messages)
