"""What a memory of commands could save at most, leaving each session out in turn.

    python tests/benchmarks/memory_value.py CONFIG SESSIONS...

SESSIONS are JSON Lines files as for ``tiered-router replay``, with ``instance_id``; the
strongest tier of CONFIG serves every turn with a cache of five minutes. Each session is
told what the memory of ``openhands_tiered_router.memory`` makes of the *other tasks* of
its repository; files never change. It is taken to help always: an error that an entry
names is a turn that does not happen. So what is saved is an upper bound. Prints the
failures of the environment avoided, their cost, and the cost of the tokens told, as
shares of all cost, with 95 % bootstrap intervals over sessions.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from arrival_filter import text_of
from ratios import shown

from openhands_tiered_router.config import load_config, tier_set
from openhands_tiered_router.memory.lessons import ENVIRONMENT, Lesson, Lessons
from openhands_tiered_router.memory.repository import Repository
from openhands_tiered_router.memory.store import CHARS_PER_TOKEN, Memory
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.entry import arguments_of
from openhands_tiered_router.policy.failures import ends_of, exit_code_of
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.policy.tools import command_of, is_shell
from openhands_tiered_router.record.replay.costs import session_cost
from openhands_tiered_router.record.replay.run import ReplayedTurn, replay
from openhands_tiered_router.record.replay.sessions import read_rows
from openhands_tiered_router.record.replay.trajectories import message_log
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


REPOSITORY = re.compile(r"/([a-z]+)_\d+_[0-9a-f]+/")
"""In the sessions' names where tasks are commits; else tasks are named after it."""


@dataclass
class Session:
    task: str
    request: str
    repository: str
    turns: list[ReplayedTurn]
    failures: dict[int, str]
    """By turn, what the environment said."""
    lessons: list[Lesson]


def command_in(message: Mapping[str, Any]) -> str:
    """The command that a message runs; "" if it runs none, or several."""
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    shells = [c for c in calls if is_shell(c.get("name") or "")]
    if len(calls) != 1 or not shells:
        return ""
    return command_of(arguments_of(shells[0].get("arguments") or ""))


def session_of(row: Mapping[str, Any], turns: list[ReplayedTurn]) -> Session:
    task, request = str(row["instance_id"]), ""
    failures, taught, turn, command = {}, list[Lesson](), -1, ""
    lessons = Lessons()
    for message in row["messages"]:
        if message["role"] == "user":
            request = request or text_of(message)
        elif message["role"] == "assistant" and message.get("usage"):
            turn += 1
            command = command_in(message)
        elif message["role"] == "tool":
            text, code = text_of(message), message.get("returncode")
            code = exit_code_of(ends_of(text)) if code is None else int(code)
            found = ENVIRONMENT.search(text)
            if found and code and len(text) < 10_000:
                failures[turn] = found[0]
            taught += lessons.ran(command, code, text)
    named = REPOSITORY.search(str(row["session"]))
    repository = named[1] if named else task.rsplit("-", 1)[0]
    return Session(task, request, repository, turns, failures, taught)


def taught(others: Sequence[Session], request: str) -> tuple[set[str], int]:
    """The errors that the memory names, and its tokens."""
    with TemporaryDirectory() as name:
        where = Repository("key", "name", Path(name))
        memory = Memory(Path(name, "memory.sqlite3"))
        for session in others:
            for lesson in session.lessons:
                memory.learn(where, lesson)
        told = memory.recall(where, request) or ""
        errors = {e.error for e in memory.entries() if e.error and e.line in told}
    return errors, len(told) // CHARS_PER_TOKEN


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


def main() -> None:
    strongest = tier_set(load_config(Path(sys.argv[1]))).endpoints[-1]
    alone = replace(strongest, key="complex", tier=Tier.COMPLEX)
    engine = Engine(TierSet((alone,)), RULES)
    for path in map(Path, sys.argv[2:]):
        sessions = []
        for n, row in read_rows(path):
            recorded = message_log(f"{path}:{n}", row)
            if recorded.turns and row.get("instance_id"):
                sessions.append(session_of(row, replay(engine, recorded)))
        same = defaultdict(list)
        for session in sessions:
            same[session.repository].append(session)
        rows, failures = [], 0
        for session in sessions:
            others = [s for s in same[session.repository] if s.task != session.task]
            told = taught(others, session.request)
            rows.append(effect(session, *told, alone))
            failures += len(session.failures)
        print(
            f"{path.name}: {sum(r[3] for r in rows)} of {failures} failures avoided; "
            f"saved {shown(rows, 1, form='.2%')}  tokens {shown(rows, 2, form='.2%')}",
            flush=True,
        )


if __name__ == "__main__":
    main()
