"""What a memory of commands could save at most, leaving each session out in turn.

    python tests/benchmarks/memory_value.py CONFIG SESSIONS...

SESSIONS are JSON Lines files as for ``tiered-router replay``, with ``instance_id``; the
strongest tier of CONFIG serves every turn with a cache of five minutes. Each session is
given what the *other tasks* of its repository taught: failures of the environment
(missing programs and modules, wrong options, settings) with the command that then
exited 0, the most frequent first, in 300 tokens. It is taken to help always: a failure
that an entry names is a turn that does not happen. So the figures are upper bounds:
failures avoided, their cost, and the cost of the tokens, as shares of all cost.
"""

import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from arrival_filter import RESAMPLES, action_of, text_of

from openhands_tiered_router.config import load_config, tier_set
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.record.replay.costs import session_cost
from openhands_tiered_router.record.replay.run import ReplayedTurn, replay
from openhands_tiered_router.record.replay.sessions import read_rows, session_of_row
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


MOST = 300
CHARS_PER_TOKEN = 4
FAILURE = re.compile(
    r"\S+: (?:command )?not found|No module named \S+|unrecognized arguments?: \S+"
    r"|no such option: \S+|ImproperlyConfigured|Apps aren't loaded yet"
    r"|DJANGO_SETTINGS_MODULE|unknown option \S+"
)

REPOSITORY = re.compile(r"/([a-z]+)_\d+_[0-9a-f]+/")
"""In the sessions' names where tasks are commits; else tasks are named after it."""


@dataclass
class Session:
    task: str
    repository: str
    turns: list[ReplayedTurn]
    failures: dict[int, str]
    """By turn, what the environment said."""
    lessons: list[tuple[str, str]]
    """What failed and then worked, as a memory would say it."""


def session_of(row: Mapping[str, Any], turns: list[ReplayedTurn]) -> Session:
    task = str(row["instance_id"])
    failures, lessons, turn, waiting = {}, [], -1, ""
    command = ""
    for message in row["messages"]:
        if message["role"] == "assistant" and message.get("usage"):
            turn += 1
            command = action_of(message)
        elif message["role"] == "tool":
            text = text_of(message)
            found = FAILURE.search(text)
            code = message.get("returncode")
            failed = bool(found) if code is None else str(code) != "0"
            if found and failed and len(text) < 10_000:
                failures[turn] = waiting = found[0]
            elif waiting and not failed:
                lessons.append((waiting, f"{waiting}: {command[:120]}"))
                waiting = ""
    named = REPOSITORY.search(str(row["session"]))
    repository = named[1] if named else task.rsplit("-", 1)[0]
    return Session(task, repository, turns, failures, lessons)


def taught(others: Sequence[Session]) -> tuple[set[str], int]:
    """The failures that the memory names, and its tokens."""
    counts: Counter[str] = Counter()
    said: dict[str, str] = {}
    for session in others:
        for key, lesson in session.lessons:
            counts[key] += 1
            said.setdefault(key, lesson)
    named, size = set(), 0
    for key, _ in counts.most_common():
        size += len(said[key]) // CHARS_PER_TOKEN
        if size > MOST:
            break
        named.add(key)
    return named, sum(len(said[k]) for k in named) // CHARS_PER_TOKEN


def cost(turns: list[ReplayedTurn], endpoint: Endpoint) -> float:
    return sum(session_cost(turns, [endpoint] * len(turns)))


def longer(turns: list[ReplayedTurn], more: int) -> list[ReplayedTurn]:
    made = []
    for turn in turns:
        usage = turn.turn.usage
        bigger = replace(usage, prompt=usage.prompt + more)
        made.append(replace(turn, turn=replace(turn.turn, usage=bigger)))
    return made


def effect(
    session: Session, named: set[str], size: int, endpoint: Endpoint
) -> tuple[float, float, float, int]:
    """USD: all of it, what is avoided, what the tokens cost; failures avoided."""
    whole = cost(session.turns, endpoint)
    gone = {t for t, f in session.failures.items() if f in named}
    left = [t for i, t in enumerate(session.turns) if i not in gone]
    saved = whole - cost(left, endpoint)
    return whole, saved, cost(longer(session.turns, size), endpoint) - whole, len(gone)


def share(rows: list[tuple[float, float, float, int]], at: int) -> str:
    draw, found = random.Random(0), []
    for _ in range(RESAMPLES):
        sample = draw.choices(rows, k=len(rows))
        found.append(sum(r[at] for r in sample) / sum(r[0] for r in sample))
    found.sort()
    value = sum(r[at] for r in rows) / sum(r[0] for r in rows)
    low, high = found[RESAMPLES // 40], found[-RESAMPLES // 40]
    return f"{value:.2%} [{low:.2%}, {high:.2%}]"


def main() -> None:
    strongest = tier_set(load_config(Path(sys.argv[1]))).endpoints[-1]
    alone = replace(strongest, key="complex", tier=Tier.COMPLEX)
    engine = Engine(TierSet((alone,)), RULES)
    for path in map(Path, sys.argv[2:]):
        sessions = []
        for n, row in read_rows(path):
            recorded = session_of_row(f"{path}:{n}", row)
            if recorded.turns and row.get("instance_id"):
                sessions.append(session_of(row, replay(engine, recorded)))
        same = defaultdict(list)
        for session in sessions:
            same[session.repository].append(session)
        rows, failures = [], 0
        for session in sessions:
            others = [s for s in same[session.repository] if s.task != session.task]
            rows.append(effect(session, *taught(others), alone))
            failures += len(session.failures)
        print(
            f"{path.name}: {sum(r[3] for r in rows)} of {failures} failures avoided; "
            f"saved {share(rows, 1)}  tokens {share(rows, 2)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
