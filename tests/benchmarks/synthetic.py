"""Makes a telemetry file of made-up conversations, as large as you like.

    uv run python tests/benchmarks/synthetic.py telemetry.sqlite3 --turns 1000000

Sessions have the shape of recorded ones: 76 turns, prompts from 1.6 k growing by 320
tokens a turn, 55-60 % of turns mechanical. Nothing is learned from what they say; it is
about how large and how fast files are.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

from openhands_tiered_router.policy.decision import (
    Candidate,
    Decision,
    Dimension,
    Reason,
)
from openhands_tiered_router.policy.economics.costs import call_cost
from openhands_tiered_router.policy.outcome import Attempt, ErrorKind, Outcome, Usage
from openhands_tiered_router.record.telemetry.records import (
    Call,
    GuardEvent,
    Record,
    ToolResult,
    ToolStatus,
    Verdict,
    routed,
)
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.tiers import Endpoint, Prices, Tier, TierSet


TURNS = 76
BATCH = 4_000
START = 1_750_000_000.0
"""Of the first conversation, seconds since the epoch."""

SPACING = 600.0
"""Seconds from the start of one conversation to the next one's."""

MADE = 15_200
"""Turns of 200 conversations: what is made rather than copied."""

MECHANICAL = ("search", "read", "list", "git", "run")
HARD = ("edit", "test", "script", "snippet")
DIMENSIONS = (
    "request_length",
    "code_share",
    "reasoning_cues",
    "question_ambiguity",
    "breadth",
    "constraints",
    "turn_depth",
    "tool_history",
    "recent_failures",
    "context_fill",
    "localisation_ambiguity",
    "match_complexity",
    "dependency_depth",
    "community_spread",
    "blast_radius",
)


def _endpoint(tier: Tier, model: str, price: float) -> Endpoint:
    prices = Prices(
        input=price, output=5 * price, cache_read=price / 10, cache_write=1.25 * price
    )
    return Endpoint(key=str(tier), tier=tier, model=model, prices=prices)


TIERS = TierSet(
    (
        _endpoint(Tier.SIMPLE, "anthropic/claude-haiku-4-5", 1e-6),
        _endpoint(Tier.MEDIUM, "anthropic/claude-sonnet-4-5", 3e-6),
        _endpoint(Tier.COMPLEX, "anthropic/claude-opus-4-5", 5e-6),
        _endpoint(Tier.REASONING, "openai/gpt-5.2-pro", 21e-6),
    )
)
SPARE = _endpoint(Tier.COMPLEX, "bedrock/claude-opus-4-5", 5e-6)


def records(
    turns: int, *, seed: int = 1, since: float = START, spacing: float = SPACING
) -> Iterator[Record]:
    """The records of that many turns, conversation by conversation.

    Args:
        turns: Of agents; side requests come on top.
        seed: Another one, other numbers.
        since: Time of the first conversation, seconds since the epoch.
        spacing: Seconds from the start of one conversation to the next one's.
    """
    rng = random.Random(seed)
    for n in range(-(-turns // TURNS)):
        count = min(TURNS, turns - n * TURNS)
        yield from _conversation(rng, n, count, since + n * spacing)


def _conversation(
    rng: random.Random, n: int, turns: int, start: float
) -> Iterator[Record]:
    name = str(UUID(int=rng.getrandbits(128)))
    task = [(d, round(rng.random(), 6), round(rng.random(), 4)) for d in DIMENSIONS]
    warm: dict[str, int] = {}
    now, failed = start, False
    for turn in range(turns):
        p = 0.0 if turn == 0 or failed else round(rng.betavariate(2, 1.4), 6)
        prompt = 1_600 + 320 * turn + rng.randrange(200)
        decision = _decision(rng, task, turn, p, prompt, warm)
        output = rng.randrange(60, 600)
        yield (call := _call(rng, name, turn, now, decision, (prompt, output, warm)))
        mechanical = rng.random() < p
        kind = rng.choice(MECHANICAL if mechanical else HARD)
        failed = rng.random() < (0.1 if mechanical else 0.2)
        now += rng.uniform(3, 15)
        yield _tool(rng, name, call, now, kind, failed)
    if n % 20 == 0:
        yield _guard(name, now, "budget", "soft_limit", limit="day")
    if n % 25 == 0:
        error = str(ErrorKind.OVERLOADED)
        yield _guard(name, now, "breaker", "opened", endpoint="complex", error=error)
        yield _guard(name, now + 60, "breaker", "closed", endpoint="complex", error="")
    if n % 3 == 0:
        accepted = rng.random() < 0.6
        reason = "passed" if accepted else "tests_fail"
        yield Verdict(
            conversation_id=name, time=now, accepted=accepted, reason=reason, tests=4
        )
    if n % 9 == 0:
        yield Verdict(
            conversation_id=name,
            time=now + 1,
            judge="ci",
            accepted=rng.random() < 0.6,
            reason="ci",
        )


def _decision(
    rng: random.Random,
    task: list[tuple[str, float, float]],
    turn: int,
    p: float,
    prompt: int,
    warm: dict[str, int],
) -> Decision:
    costs = {
        e.key: call_cost(e.prices, prompt=prompt, warm=warm.get(e.key, 0), output=250)
        for e in TIERS.endpoints
        if e.prices
    }
    weak, strong = costs["simple"], costs["complex"]
    later, leak = rng.random() * 0.01, (1 - p) * 0.03
    tier = Tier.SIMPLE if weak + leak < strong + later and p else Tier.COMPLEX
    saved = strong + later - weak
    kind = "mechanical" if p >= 0.5 else "hard"
    if tier == Tier.SIMPLE:
        text = f"${saved:.4f} less than complex, ${leak:.4f} at risk"
    else:
        text = f"simple would save ${saved:.4f} and risk ${leak:.4f}"
    text = f"{kind} ({max(p, 1 - p):.0%}): {text}"
    said = f"mechanical with probability {p:.2f} after {rng.choice(MECHANICAL)}"
    values = [
        Dimension(d, v, w, "no code graph")
        if d != "turn_depth"
        else Dimension(d, turn / 76, w, f"{turn} turns")
        for d, v, w in task
    ]
    values[9] = Dimension(
        "context_fill", prompt / 2e5, 0.04, f"{prompt} of 200000 tokens"
    )
    priced = {"simple": (weak, 0.0), "complex": (strong, later)} if p else {}
    return Decision(
        tier=tier,
        endpoint=str(tier),
        fallbacks=("complex", "reasoning") if tier == Tier.SIMPLE else ("reasoning",),
        required=tier,
        score=0.4 + turn / 1e4 + task[0][1] / 10,
        p_mechanical=p,
        candidates=tuple(
            Candidate(
                endpoint=e.key,
                tier=e.tier,
                cost_now=priced.get(e.key, (None, None))[0],
                cost_return=priced.get(e.key, (None, None))[1],
                warm_tokens=warm.get(e.key, 0) if e.key in priced else 0,
            )
            for e in TIERS.endpoints
        ),
        reasons=(
            Reason("task_score", f"complexity {0.4 + turn / 1e4:.2f}: {task[0][0]}"),
            Reason("next_turn", said if p else "first turn on a request"),
            *([Reason("value", text)] if p else []),
        ),
        dimensions=tuple(values),
    )


def _call(
    rng: random.Random,
    name: str,
    turn: int,
    now: float,
    decision: Decision,
    tokens: tuple[int, int, dict[str, int]],
) -> Call:
    prompt, output, warm = tokens
    served = next(e for e in TIERS.endpoints if e.key == decision.endpoint)
    seconds = 0.4 + output / 90 + rng.random()
    attempts = (Attempt(endpoint=served.key, error=None, seconds=seconds),)
    if rng.random() < 0.01:
        served = TIERS.endpoints[3]
        first = Attempt(
            endpoint=decision.endpoint, error=ErrorKind.OVERLOADED, seconds=0.5
        )
        attempts = (first, Attempt(endpoint=served.key, error=None, seconds=seconds))
    cached, warm[served.key] = warm.get(served.key, 0), prompt
    assert served.prices is not None
    milliseconds = round(now * 1000) << 80
    made = str(UUID(int=milliseconds | 0x7 << 76 | 0x2 << 62 | rng.getrandbits(60)))
    outcome = Outcome(
        endpoint=served.key,
        attempts=attempts,
        usage=Usage(
            prompt=prompt,
            completion=output,
            cache_read=cached,
            cache_write=prompt - cached,
        ),
        cost=call_cost(served.prices, prompt=prompt, warm=cached, output=output),
        seconds=sum(a.seconds for a in attempts),
        first_token_seconds=0.3 + rng.random(),
        response_id=f"chatcmpl-{rng.getrandbits(128):032x}",
    )
    return routed(
        decision,
        outcome,
        decision_id=made,
        conversation_id=name,
        turn=turn + 1,
        time=now,
        overhead_us=rng.lognormvariate(5.8, 0.4),
        tiers=TIERS,
    )


def _tool(
    rng: random.Random,
    name: str,
    asked: Call,
    now: float,
    kind: str,
    failed: bool,
) -> ToolResult:
    return ToolResult(
        conversation_id=name,
        response_id=asked.response,
        tool_call_id=f"call_{rng.getrandbits(96):024x}",
        tool_name="file_editor" if kind in ("edit", "read") else "terminal",
        time=now,
        status=ToolStatus.DONE,
        action_kind=kind,
        exit_code=1 if failed else 0,
        is_error=False,
        failed=failed,
        seconds=rng.random(),
        target=rng.randrange(8) if kind == "edit" else None,
        failure=rng.randrange(2**31) if failed else None,
    )


def _guard(name: str, now: float, guard: str, kind: str, **detail: str) -> GuardEvent:
    return GuardEvent(
        conversation_id=name, time=now, guard=guard, kind=kind, detail=detail
    )


def fill(path: Path, turns: int, *, seed: int = 1, since: float = START) -> int:
    """Writes that many turns or some more, and tells how many.

    Up to ``MADE`` are made as the router's writer does it, which takes a millisecond
    each; the rest are copies of these with other times and ids.
    """
    made = min(turns, MADE)
    store, batch = Store(path), []
    for record in records(made, seed=seed, since=since):
        batch.append(record)
        if len(batch) == BATCH:
            store.write(batch)
            batch.clear()
    store.write(batch)
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("later_id", 2, _later_id)
        rows = {t: _last_key(connection, t) for t in _COPIED}
        for n in range(1, -(-turns // made)):
            _copy(connection, rows, n)
    return made * -(-turns // made)


_COPIED = ("conversations", "decisions", "guard_events", "verdicts")


def _last_key(connection: sqlite3.Connection, table: str) -> int:
    return connection.execute(f"SELECT max(key) FROM {table}").fetchone()[0]


def _later_id(stored: str, milliseconds: int) -> str:
    return str(UUID(int=UUID(stored).int + (milliseconds << 80)))


def _copy(connection: sqlite3.Connection, rows: dict[str, int], n: int) -> None:
    later = n * rows["conversations"] * SPACING
    values = {t: n * last for t, last in rows.items()}
    values |= {"n": n, "later": later, "ms": round(later * 1000)}
    changed = {
        "id": "later_id(id, :ms)",
        "conversation": "conversation + :conversations",
        "time": "time + :later",
        "decision": "decision + :decisions",
    }
    connection.execute("BEGIN")
    for table in (*_COPIED, "tool_results", "explanations"):
        info = connection.execute(f"PRAGMA table_info({table})").fetchall()
        columns: list[str] = [name for _, name, *_ in info]
        own = {"key": f"key + :{table}"}
        if table == "conversations":
            own |= {
                "id": "id || '-' || :n",
                "first": "first + :later",
                "last": "last + :later",
            }
        chosen = ", ".join({**changed, **own}.get(c, c) for c in columns)
        first = {
            "explanations": "WHERE decision <= :first_decisions",
            "tool_results": "WHERE conversation <= :first_conversations",
        }.get(table, f"WHERE key <= :first_{table}")
        connection.execute(
            f"INSERT INTO {table} SELECT {chosen} FROM {table} {first}",
            values | {f"first_{t}": last for t, last in rows.items()},
        )
    connection.execute("COMMIT")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--now", action="store_true", help="The last turns are of now, not of 2025."
    )
    asked = parser.parse_args()
    began = time.perf_counter()
    since = time.time() - asked.turns / TURNS * SPACING if asked.now else START
    turns = fill(asked.path, asked.turns, seed=asked.seed, since=since)
    size = sum(p.stat().st_size for p in asked.path.parent.glob(asked.path.name + "*"))
    seconds = time.perf_counter() - began
    print(
        f"{turns:,} turns in {seconds:.0f} s; {size / 1e6:.1f} MB, "
        f"{size / turns:.0f} bytes a turn"
    )


if __name__ == "__main__":
    main()
