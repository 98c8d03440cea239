"""Time that each way to send fewer tokens adds to a turn, at 100 turns.

    python tests/benchmarks/token_time.py

CPU time, median of 200 turns with the 5th and 95th percentile: the turn that comes
next, in a conversation that was followed until then. Results have 60 lines.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from graph_machine import machine
from openhands.sdk.context.view import View
from openhands.sdk.event import ActionEvent, LLMConvertibleEvent, ObservationEvent
from openhands.sdk.llm import Message, MessageToolCall, TextContent
from openhands.tools.terminal import TerminalAction, TerminalObservation
from tool_schemas import LIMIT, NOUNS, VERBS, tool

from openhands_tiered_router import ColdCacheCondenser
from openhands_tiered_router.gateway.arrival import Arrivals
from openhands_tiered_router.gateway.call import GatewayCall, Wire
from openhands_tiered_router.memory.lessons import Lessons
from openhands_tiered_router.policy.economics.keep_alive import worth_pinging
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.sdk.messages import left_out_of
from openhands_tiered_router.sdk.tool_choice import ToolChoice, choose
from openhands_tiered_router.skill_kit.context import by_relevance
from openhands_tiered_router.tiers import Endpoint, Prices, Tier
from openhands_tiered_router.tokens import left_out
from openhands_tiered_router.tokens.answers import Answers, digest
from openhands_tiered_router.tokens.filter import Seen, arrived


TURNS = 100
RUNS = 200


def result(number: int) -> str:
    lines = (f"    value_{number}_{i} = compute(step_{i}, {i})" for i in range(60))
    return "\n".join(lines)


def milliseconds(prepare: Callable[[], Callable[[], object]]) -> tuple[float, ...]:
    """Median, 5th and 95th percentile of what ``prepare`` returns."""
    times = []
    for _ in range(RUNS):
        act = prepare()
        began = time.process_time_ns()
        act()
        times.append((time.process_time_ns() - began) / 1e6)
    times.sort()
    return statistics.median(times), times[RUNS // 20], times[-RUNS // 20]


def events(turns: int) -> list[LLMConvertibleEvent]:
    made: list[LLMConvertibleEvent] = []
    at = datetime(2026, 1, 1)
    for number in range(turns):
        at += timedelta(minutes=10 if number in (40, 80) else 0, seconds=20)
        call = MessageToolCall(
            id=f"c{number}",
            name="terminal",
            arguments=json.dumps({"command": f"cat f{number}.py"}),
            origin="completion",
        )
        action = ActionEvent(
            thought=[],
            action=TerminalAction(command=f"cat f{number}.py"),
            tool_name="terminal",
            tool_call_id=call.id,
            tool_call=call,
            llm_response_id=f"r{number}",
            timestamp=at.isoformat(),
        )
        observation = TerminalObservation(
            content=[TextContent(text=result(number))], command="cat"
        )
        # The pause lies before the result: a slow tool, or a user who confirms.
        seen = ObservationEvent(
            observation=observation,
            action_id=action.id,
            tool_name="terminal",
            tool_call_id=call.id,
            timestamp=(at + timedelta(minutes=10 * (number == 60))).isoformat(),
        )
        made += [action, seen]
    return made


def masking() -> Callable[[], Callable[[], object]]:
    condenser, past = ColdCacheCondenser(), events(TURNS)
    before, after = View(events=past[:-2]), View(events=past)
    shorter = condenser.condense(before)
    assert shorter is not before
    return lambda: lambda: condenser.condense(after)


def filtering() -> Callable[[], Callable[[], object]]:
    seen = Seen()
    for number in range(TURNS):
        seen.add(f"cat f{number}.py", result(number))
    text = result(7) + "\n" + result(TURNS)
    return lambda: lambda: arrived(text, seen)


def offering() -> Callable[[], Callable[[], object]]:
    tools = {t.name: t for t in (tool(v, n) for n in NOUNS for v in VERBS)}
    made = choose("List the issues.", tools, LIMIT, by_relevance)
    choice = ToolChoice(made["shown"], made["names"], by_relevance)
    return lambda: lambda: choice.offered(tools)


def remembering() -> Callable[[], Callable[[], object]]:
    lessons = Lessons()
    for number in range(TURNS):
        lessons.said("Always run the linter before you finish.")
        lessons.ran(f"tool{number} --go", 127, f"tool{number}: command not found")
    output = result(TURNS)
    return lambda: lambda: lessons.ran("cat notes.txt", 1, output)


def pinging() -> Callable[[], Callable[[], object]]:
    prices = Prices(input=5e-6, cache_read=5e-7, cache_write=6.25e-6, output=25e-6)
    opus = Endpoint(key="complex", tier=Tier.COMPLEX, model="a/b", prices=prices)
    state = SessionState()
    for number in range(TURNS):
        state = state.fold([Entry(role="user", text="Go on.")])
        at, usage = 400.0 * number, Usage(prompt=50_000, completion=100)
        state = state.after_call(opus.cache_id, usage, at + 5.0, started=at)
        state = state.fold([Entry(role="assistant", text="Done.")])
    return lambda: lambda: worth_pinging(state, opus, pings=0, asked=True)


def looking_up() -> Callable[[], Callable[[], object]]:
    home = TemporaryDirectory()
    answers = Answers(Path(home.name, "answers.sqlite3"), hours=1.0)
    prompt = "\n".join(map(result, range(TURNS)))
    answers.keep(digest({"prompt": prompt}), "A title.")
    # The directory lives as long as what is returned.
    return lambda: lambda: (home, answers.find(digest({"prompt": prompt})))


def gateway() -> Callable[[], Callable[[], object]]:
    messages: list[dict[str, object]] = []
    for number in range(TURNS):
        function = {"name": "bash", "arguments": f'{{"command": "cat f{number}"}}'}
        call = {"id": f"c{number}", "type": "function", "function": function}
        messages += [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{number}", "content": result(number)},
        ]

    def prepare() -> Callable[[], object]:
        arrivals = Arrivals()
        call = GatewayCall(wire=Wire.CHAT, history=messages, conversation="c")
        arrivals.shortened(call, messages[:-2])
        again = json.loads(json.dumps(messages))  # a request is parsed anew
        return lambda: arrivals.shortened(call, again)

    return prepare


def counting() -> Callable[[], Callable[[], object]]:
    texts = [f"{n}\n" + "value = compute(1)\n" * 100 for n in range(100)]
    for text in texts:
        left_out.note(text, text + text)
    messages = [
        Message(role="tool", tool_call_id="c", name="t", content=[TextContent(text=t)])
        for t in texts
    ]
    assert left_out_of(messages) == sum(map(len, texts))
    return lambda: lambda: left_out_of(messages)


def main() -> None:
    cases = {
        "masking, after three pauses": masking(),
        "shortening a result of 120 lines": filtering(),
        "offering few tools of 80": offering(),
        "following a command for the memory": remembering(),
        "counting what 100 results lack": counting(),
    }
    taken = {name: milliseconds(case) for name, case in cases.items()}
    total = sum(median for median, _, _ in taken.values())
    taken["in the gateway, shortening instead"] = milliseconds(gateway())
    taken["in the gateway, whether a ping pays (between turns)"] = milliseconds(
        pinging()
    )
    taken["a side request of 100 results, looked up"] = milliseconds(looking_up())
    print(machine())
    for name, (median, low, high) in taken.items():
        print(f"{name}: {median:.3f} ms [{low:.3f}, {high:.3f}]")
    print(f"in an agent's turn: {total:.3f} ms")


if __name__ == "__main__":
    main()
