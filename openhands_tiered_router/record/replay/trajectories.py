"""What evaluations and proxies write down, as recorded sessions.

OpenHands' ``output.jsonl`` (an instance a line, with its ``history``), SWE-agent's
``.traj`` (an instance a file, with its ``trajectory``), and logs of OpenAI's or
Anthropic's messages (an object with ``messages``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from openhands_tiered_router.policy import anthropic, chat
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.tools import KNOWN
from openhands_tiered_router.record.replay.conversations import (
    is_event,
    session_of_events,
    usages_of,
)
from openhands_tiered_router.record.replay.sessions import (
    RecordedSession,
    SessionError,
)
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
_TOOLS: Final = {
    "run": ("execute_bash", {}),
    "run_ipython": ("execute_ipython_cell", {}),
    "read": ("str_replace_editor", {"command": "view"}),
    "edit": ("str_replace_editor", {"command": "str_replace"}),
    "write": ("str_replace_editor", {"command": "create"}),
    "browse": ("browser", {}),
    "browse_interactive": ("browser", {}),
    "call_tool_mcp": ("", {}),
    "think": ("think", {}),
    "finish": ("finish", {}),
    "delegate": ("delegate", {}),
}
"""OpenHands V0's actions as tool calls, for runs without function calling."""
_BLOCK: Final = re.compile(r"```(?:bash|sh|mswea_bash_command)\n(.*?)\n```", re.S)
"""How mini-swe-agent and its like call: one command in a block."""
_FUNCTION: Final = re.compile(r"<function=([\w.-]+)>(.*?)</function>", re.S)
_PARAMETER: Final = re.compile(r"<parameter=(\w+)>(.*?)</parameter>", re.S)
"""How OpenHands calls a model that has no function calling: in the answer's text."""
_CLINE_TOOLS: Final = " ".join(KNOWN["Cline and Roo Code"].values()).split()
_CLINE: Final = re.compile(rf"<({'|'.join(_CLINE_TOOLS)})>(.*?)</\1>", re.S)
_ELEMENT: Final = re.compile(r"<(\w+)>(.*?)</\1>", re.S)
"""How Cline and Roo Code call: the tool's name and its arguments are elements."""
_OBSERVED: Final = re.compile(
    r"\s*(?:<(?:returncode|output|exception)>|OBSERVATION:|EXECUTION RESULT of "
    r"|\[\w+[^\]\n]*\] Result:)"
)


def is_openhands(row: Row) -> bool:
    """Whether an object is an instance of the output of OpenHands' evaluations."""
    return isinstance(row.get("history"), list) and "trajectory" not in row


def is_openhands_v0_event(row: Row) -> bool:
    """Whether an object is an event of OpenHands V0, as in its exported trajectory."""
    return "source" in row and ("action" in row or "observation" in row)


def is_swe_agent(row: Row) -> bool:
    """Whether an object is a trajectory of SWE-agent."""
    return isinstance(row.get("trajectory"), list)


def is_message_log(row: Row) -> bool:
    """Whether an object has chat messages."""
    return isinstance(row.get("messages"), list)


def openhands(name: str, row: Row) -> RecordedSession:
    """The session of an instance; OpenHands' benchmarks of today keep SDK events."""
    task = str(row.get("instance_id") or name)
    metrics = mapping(row.get("metrics"))
    if any(is_event(mapping(e)) for e in sequence(row.get("history"))[:5]):
        events = map(mapping, sequence(row["history"]))
        return session_of_events(task, events, usages_of([metrics]))
    usages = {
        str(mapping(u).get("response_id")): usage_of(mapping(u))
        for u in sequence(metrics.get("token_usages"))
    }
    events = chain.from_iterable(
        e if isinstance(e, list) else [e] for e in sequence(row.get("history"))
    )
    return session_of(task, task, _v0_steps(map(mapping, events), usages))


def _v0_steps(
    events: Iterator[Row], usages: Mapping[str, Usage | None]
) -> Iterator[Step]:
    answered: set[str] = set()
    for event in events:
        at = seconds_of(event.get("timestamp"))
        called = mapping(event.get("tool_call_metadata"))
        if "observation" in event:
            if event.get("observation") not in ("null", "agent_state_changed"):
                yield Step(entry=_v0_result(event, called), at=at)
        elif event.get("source") == "agent" and event.get("action"):
            response = mapping(called.get("model_response"))
            key = str(response.get("id") or event.get("id"))
            if event.get("action") == "system":
                said = str(mapping(event.get("args")).get("content") or "")
                yield Step(entry=Entry(role="system", text=said), at=at)
            elif key not in answered:
                answered.add(key)
                usage = usage_of(mapping(response.get("usage"))) or usages.get(key)
                yield Step(entry=_v0_answer(event, called), at=at, usage=usage)
        elif event.get("action") == "message":
            said = str(mapping(event.get("args")).get("content") or "")
            yield Step(entry=Entry(role="user", text=said), at=at)


def _v0_answer(event: Row, called: Row) -> Entry:
    """An answer, from the response itself where it was kept."""
    choices = sequence(mapping(called.get("model_response")).get("choices"))
    message = mapping(mapping(choices[0]).get("message")) if choices else {}
    if message.get("tool_calls"):
        return chat.entries_of([{**message, "role": "assistant"}])[0]
    given = mapping(event.get("args"))
    said = str(given.get("thought") or event.get("message") or "")
    name, fixed = _TOOLS.get(str(event.get("action")), ("", {}))
    name = str(called.get("function_name") or given.get("name") or name)
    if event.get("action") == "message" or not name:
        return Entry(role="assistant", text=said)
    own = {k: v for k, v in given.items() if k != "thought"}
    id = called.get("tool_call_id") or event.get("id")
    call = ToolCall.of(id, name, {**own, **fixed})
    return Entry(role="assistant", text=said, calls=(call,))


def _v0_result(event: Row, called: Row) -> Entry:
    extras = mapping(event.get("extras"))
    code = mapping(extras.get("metadata")).get("exit_code", extras.get("exit_code"))
    return Entry(
        role="tool",
        text=texts(event.get("content")),
        call_id=str(called.get("tool_call_id") or event.get("cause") or ""),
        exit_code=code if type(code) is int else None,
        is_error=event.get("observation") == "error",
    )


def swe_agent(name: str, row: Row) -> RecordedSession:
    """The session of a trajectory. It has no times but those that tools took."""
    history = [mapping(m) for m in sequence(row.get("history"))]
    given = [m for m in history[:4] if m.get("role") in ("system", "user")]
    task = str(row.get("instance_id") or name)
    return session_of(task, task, _swe_steps(given, sequence(row["trajectory"])))


def _swe_steps(given: Sequence[Row], trajectory: Sequence[Any]) -> Iterator[Step]:
    for message in given:
        role = "system" if message.get("role") == "system" else "user"
        yield Step(entry=Entry(role=role, text=texts(message.get("content"))))
    for number, step in enumerate(map(mapping, trajectory)):
        command = str(step.get("action") or "").strip()
        call = ToolCall.of(str(number), "bash", {"command": command})
        said = str(step.get("thought") or "")
        answer = Entry(role="assistant", text=said, calls=(call,) if command else ())
        yield Step(entry=answer)
        result = texts(step.get("observation"))
        if command:
            yield Step(entry=Entry(role="tool", text=result, call_id=str(number)))
        else:
            yield Step(entry=Entry(role="system", text=result))


def message_log(name: str, row: Row) -> RecordedSession:
    """The session of a list of messages, in OpenAI's or Anthropic's form.

    Where some answers carry ``usage``, only those are turns.

    Raises:
        SessionError: A message is of neither form.
    """
    messages = [mapping(m) for m in sequence(row["messages"])]
    title = next(
        (str(row[k]) for k in ("session", "session_id", "id") if row.get(k)), name
    )
    task = str(row.get("instance_id") or title)
    system = texts(row.get("system"))
    steps = list(_log_steps(name, messages))
    if system:
        steps.insert(0, Step(entry=Entry(role="system", text=system)))
    return session_of(title, task, steps)


def _log_steps(where: str, messages: Sequence[Row]) -> Iterator[Step]:
    asked: str | None = None
    counted = any(message.get("usage") for message in messages)
    for number, message in enumerate(messages):
        at = seconds_of(message.get("timestamp") or message.get("ts"))
        tokens = message.get("usage") or mapping(message.get("metrics")).get("tokens")
        usage = usage_of(mapping(tokens))
        for entry in _log_entries(f"{where}: messages[{number}]", message):
            if entry.role == "assistant":
                if not entry.calls:
                    entry = _called_in_text(entry, str(number))
                asked = entry.calls[-1].id if entry.calls else None
            elif entry.role == "user" and asked and _OBSERVED.match(entry.text):
                entry = Entry(role="tool", text=entry.text, call_id=asked)
                asked = None
            is_turn = bool(message.get("usage")) or not counted
            yield Step(entry=entry, at=at, usage=usage, is_turn=is_turn)


def _called_in_text(entry: Entry, id: str) -> Entry:
    """The answer with the call that its text holds, if it holds one."""
    if match := _FUNCTION.search(entry.text):
        given = {k: v.strip("\n") for k, v in _PARAMETER.findall(match[2])}
        call = ToolCall.of(id, match[1], given)
    elif match := _BLOCK.search(entry.text):
        call = ToolCall.of(id, "bash", {"command": match[1]})
    elif match := _CLINE.search(entry.text):
        given = {k: v.strip("\n") for k, v in _ELEMENT.findall(match[2])}
        call = ToolCall.of(id, match[1], given)
    else:
        return entry
    said = entry.text[: match.start()]
    return Entry(role="assistant", text=said, calls=(call,))


def _log_entries(where: str, message: Row) -> list[Entry]:
    blocks = message.get("content")
    kinds = {mapping(b).get("type") for b in sequence(blocks)}
    if kinds & {"tool_use", "tool_result"}:
        return list(anthropic.entries_of([message]))
    if message.get("role") == "exit":
        return []
    try:
        return chat.entries_of([message])
    except chat.ChatFormatError as error:
        said = str(error).removeprefix("messages[0]")  # of one message
        raise SessionError(f"{where}{said}; mend or leave out the message") from None
