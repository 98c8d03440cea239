"""Transcripts of Claude Code and Codex CLI as recorded sessions.

Both write a JSON Lines file a session: Claude Code under ``~/.claude/projects``, one
line for each block of a message, with the message's id and usage on each of them;
Codex under ``~/.codex/sessions``, one line for each item of the Responses API, with
the usage in an event that follows the answer.
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
    arguments,
    count,
    mapping,
    seconds_of,
    session_of,
    texts,
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
                usage=_claude_usage(mapping(message.get("usage"))),
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


def _claude_usage(usage: Row) -> Usage | None:
    read = count(usage.get("cache_read_input_tokens"))
    written = count(usage.get("cache_creation_input_tokens"))
    prompt = count(usage.get("input_tokens")) + read + written
    if not prompt:
        return None
    return Usage(
        prompt=prompt,
        completion=count(usage.get("output_tokens")),
        cache_read=read,
        cache_write=written,
    )


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
        usage = _codex_usage(mapping(info.get("last_token_usage")))
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
        given = item.get("arguments", item.get("input"))
        name = str(item.get("name") or "")
    return ToolCall(
        id=str(item.get("call_id") or item.get("id") or ""),
        name=name,
        arguments=arguments(given),
    )


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


def _codex_usage(usage: Row) -> Usage | None:
    prompt = count(usage.get("input_tokens"))
    if not prompt:
        return None
    return Usage(
        prompt=prompt,
        completion=count(usage.get("output_tokens")),
        cache_read=count(usage.get("cached_input_tokens")),
    )
