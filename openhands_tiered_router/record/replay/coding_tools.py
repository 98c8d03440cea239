"""Transcripts of Claude Code, Codex CLI, pi and Gemini CLI as recorded sessions.

Each writes a JSON Lines file a session: Claude Code under ``~/.claude/projects``, one
line for each block of a message, with the message's id and usage on each of them;
Codex under ``~/.codex/sessions``, one line for each item of the Responses API, with
the usage in an event that follows the answer; pi under ``~/.pi/agent/sessions`` and
Gemini CLI under ``~/.gemini/tmp/*/chats``, one line for each message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from openhands_tiered_router.policy import anthropic
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.record.replay.sessions import RecordedSession
from openhands_tiered_router.record.replay.steps import (
    Step,
    mapping,
    seconds_of,
    sequence,
    session_of,
    texts,
    usage_of,
)


Row = Mapping[str, Any]
_CODEX: Final = frozenset(
    {"session_meta", "response_item", "event_msg", "turn_context", "compacted"}
)
_STREAMED: Final = frozenset({"system", "assistant", "user"})
_CALLS: Final = frozenset({"function_call", "custom_tool_call", "local_shell_call"})
_RESULTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})


def is_claude_code(row: Row) -> bool:
    """Whether a line is of a transcript of Claude Code, or of its ``stream-json``."""
    if row.get("type") in _STREAMED and "session_id" in row:
        return True
    return "sessionId" in row and ("uuid" in row or "type" in row)


def is_codex(row: Row) -> bool:
    """Whether a line is of a rollout of Codex CLI."""
    return row.get("type") in _CODEX and "payload" in row


def claude_code(name: str, rows: Iterable[Row]) -> RecordedSession:
    """The session of a transcript; what its subagents did is left out."""
    return session_of(name, name, _claude_steps(rows))


def _claude_steps(rows: Iterable[Row]) -> Iterator[Step]:
    steps: list[Step] = []
    answers: dict[Any, int] = {}
    """By a message's id, where its answer is: results of its first calls may stand
    between the lines of one answer, as tools run while the rest is still written."""
    for row in rows:
        message = mapping(row.get("message"))
        role = message.get("role")
        if row.get("isSidechain") or role not in ("user", "assistant"):
            continue
        at = seconds_of(row.get("timestamp"))
        if role == "assistant":
            if message.get("model") == "<synthetic>":
                continue  # the program's own notice, no answer of a model
            step = Step(
                entry=next(iter(anthropic.entries_of([message])), _NOTHING),
                at=at,
                usage=usage_of(mapping(message.get("usage"))),
            )
            id = message.get("id")
            if id is not None and id in answers:
                steps[answers[id]] = _joined(steps[answers[id]], step)
            else:
                answers[id] = len(steps)
                steps.append(step)
            continue
        for entry in anthropic.entries_of([message]):
            # Hints that the program adds open no request.
            added = row.get("isMeta") and entry.role == "user"
            entry = replace(entry, role="system") if added else entry
            steps.append(Step(entry=entry, at=at))
    return iter(steps)


_NOTHING: Final = Entry(role="assistant")


def _joined(one: Step, other: Step) -> Step:
    """Two lines of the same answer as one; what each of them cost is the same."""
    said = "\n".join(filter(None, (one.entry.text, other.entry.text)))
    entry = replace(one.entry, text=said, calls=(*one.entry.calls, *other.entry.calls))
    return Step(entry=entry, at=other.at or one.at, usage=other.usage or one.usage)


@dataclass(slots=True)
class _Answer:
    """What a model answers at once: several items of the Responses API."""

    said: list[str]
    calls: list[ToolCall]
    at: float | None = None
    usage: Usage | None = None

    def step(self) -> Step:
        entry = Entry(
            role="assistant", text="\n".join(self.said), calls=tuple(self.calls)
        )
        return Step(entry=entry, at=self.at, usage=self.usage)

    def __bool__(self) -> bool:
        return bool(self.said or self.calls)


def codex(name: str, rows: Iterable[Row]) -> RecordedSession:
    """The session of a rollout."""
    return session_of(name, name, _codex_steps(rows))


def _codex_steps(rows: Iterable[Row]) -> Iterator[Step]:
    answer, counts = _Answer([], []), _Counts()
    results: list[Step] = []
    for row in rows:
        at, item = seconds_of(row.get("timestamp")), mapping(row.get("payload"))
        kind = item.get("type")
        if kind == "token_count":
            counts.add(mapping(item.get("info")), answer)
            continue
        if row.get("type") != "response_item":
            continue
        is_answer = kind in _CALLS or item.get("role") == "assistant"
        if (is_answer and results) or not (is_answer or kind in _RESULTS):
            if kind in _BESIDE and not results:
                continue
            if answer:
                yield answer.step()
            yield from results
            answer, results = _Answer([], []), []
        if is_answer:
            answer.usage = answer.usage or counts.take()
            answer.at = at
        if kind in _CALLS:
            answer.calls.append(_codex_call(item))
        elif is_answer:
            answer.said.append(texts(item.get("content")))
        elif kind in _RESULTS:
            results.append(_codex_result(item, at))
        elif kind == "message":
            yield _given(item, at)
    if answer:
        yield answer.step()
    yield from results


_BESIDE: Final = frozenset({"reasoning", "ghost_snapshot", "compaction"})
"""Items between an answer's own that end nothing."""


@dataclass(slots=True)
class _Counts:
    """Which answer a count of tokens is of.

    Some versions write it behind an answer, others before, and most repeat the last
    one when the next request begins: so a total that was seen says nothing, and a
    new one is of the answer that has none yet, or else of the next.
    """

    total: Any = None
    waiting: Usage | None = None

    def add(self, info: Row, answer: _Answer) -> None:
        usage = usage_of(mapping(info.get("last_token_usage")))
        total = info.get("total_token_usage") or usage
        if usage is None or total == self.total:
            return
        self.total = total
        if answer and answer.usage is None:
            answer.usage = usage
        else:
            self.waiting = usage

    def take(self) -> Usage | None:
        usage, self.waiting = self.waiting, None
        return usage


def _codex_call(item: Row) -> ToolCall:
    if item.get("type") == "local_shell_call":
        given, name = {"action": item.get("action")}, "local_shell"
    else:
        given, name = item.get("arguments", item.get("input")), item.get("name")
    return ToolCall.of(item.get("call_id") or item.get("id"), name, given)


def _codex_result(item: Row, at: float | None) -> Step:
    output = item.get("output")
    said = (
        mapping(output).get("content", output) if isinstance(output, dict) else output
    )
    entry = Entry(
        role="tool",
        text=texts(said),
        call_id=str(item.get("call_id") or ""),
        is_error=mapping(output).get("success") is False,
    )
    return Step(entry=entry, at=at)


def _given(item: Row, at: float | None) -> Step:
    """A message that the model was given; the program's own open no request."""
    said = texts(item.get("content"))
    own = item.get("role") != "user" or said.lstrip().startswith(_ADDED)
    return Step(entry=Entry(role="system" if own else "user", text=said), at=at)


_ADDED: Final = ("<environment_context>", "<user_instructions>", "# AGENTS.md", "<INST")


def is_pi(row: Row) -> bool:
    """Whether a line is the first of a session of pi."""
    return row.get("type") == "session" and "cwd" in row


def pi(name: str, rows: Iterable[Row]) -> RecordedSession:
    """The session of pi's file, with the branches that were left: they were paid."""
    return session_of(name, name, _pi_steps(rows))


def _pi_steps(rows: Iterable[Row]) -> Iterator[Step]:
    for row in rows:
        message = mapping(row.get("message"))
        role, content = message.get("role"), message.get("content")
        at = seconds_of(row.get("timestamp"))
        if role == "assistant":
            calls = tuple(
                ToolCall.of(block.get("id"), block.get("name"), block.get("arguments"))
                for block in map(mapping, sequence(content))
                if block.get("type") == "toolCall"
            )
            usage = usage_of(mapping(message.get("usage")))
            if content or usage:  # else the request was aborted or refused
                entry = Entry(role="assistant", text=texts(content), calls=calls)
                yield Step(entry=entry, at=at, usage=usage)
        elif role == "toolResult":
            entry = Entry(
                role="tool",
                text=texts(content),
                call_id=str(message.get("toolCallId") or ""),
                is_error=message.get("isError") is True,
            )
            yield Step(entry=entry, at=at)
        elif role == "user":
            yield Step(entry=Entry(role="user", text=texts(content)), at=at)
        elif role == "bashExecution":  # by the user, for the model to see
            said = str(message.get("output") or "")
            yield Step(entry=Entry(role="system", text=said), at=at)


def is_gemini(row: Row) -> bool:
    """Whether an object is a session of Gemini CLI, or the first line of one."""
    return "sessionId" in row and "projectHash" in row


def gemini(name: str, rows: Iterable[Row]) -> RecordedSession:
    """The session of a file under ``chats``: one object, or since 2026 a line each."""
    return session_of(name, name, _gemini_steps(rows))


def _gemini_steps(rows: Iterable[Row]) -> Iterator[Step]:
    messages: dict[Any, Row] = {}
    for row in rows:
        whole = {**row, **mapping(row.get("$set"))}
        for message in map(mapping, sequence(whole.get("messages")) or [row]):
            if message.get("type") in ("user", "gemini"):
                # It is written again with each result that comes in.
                messages[message.get("id", len(messages))] = message
    for message in messages.values():
        at, said = seconds_of(message.get("timestamp")), texts(message.get("content"))
        if message.get("type") == "user":
            yield Step(entry=Entry(role="user", text=said), at=at)
            continue
        made = [mapping(call) for call in sequence(message.get("toolCalls"))]
        calls = tuple(
            ToolCall.of(call.get("id") or number, call.get("name"), call.get("args"))
            for number, call in enumerate(made)
        )
        usage = usage_of(mapping(message.get("tokens")))
        entry = Entry(role="assistant", text=said, calls=calls)
        yield Step(entry=entry, at=at, usage=usage)
        for call, own in zip(calls, made, strict=True):
            entry = Entry(
                role="tool",
                text=_gemini_result(own),
                call_id=call.id,
                is_error=own.get("status") == "error",
            )
            yield Step(entry=entry, at=seconds_of(own.get("timestamp")))


def _gemini_result(call: Row) -> str:
    found = []
    for part in map(mapping, sequence(call.get("result"))):
        response = mapping(mapping(part.get("functionResponse")).get("response"))
        found.append(response.get("output") or response.get("error") or part)
    return "\n".join(said if isinstance(said, str) else texts([said]) for said in found)
