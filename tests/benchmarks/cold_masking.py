"""What leaving old results out of dead caches saves, and what is lost by it.

    python tests/benchmarks/cold_masking.py SESSIONS CONFIG [--scale N | --view]

SESSIONS is a JSON Lines file as for ``tiered-router replay``; the strongest tier of
CONFIG serves every turn with a cache of five minutes. In the middle of each session ten
minutes pass; with ``--scale`` turns take N times as long instead. Prints the cost with
old results left out once the cache has died, relative to nothing left out, with a 95 %
bootstrap interval. ``--view``: the decisions for all of CONFIG's tiers; each model gets
results that it never saw, all but the newest ten, as notices. It also prints the costs
relative to the strongest tier alone. Both print the share of the names and whole lines
in actions that only earlier results show, and that the prompt no longer shows. Costs
are simulated on fixed trajectories; what another prompt would have made the model do is
not measured.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from arrival_filter import NAME, action_of, lines_of, share, text_of
from ratios import shown

from openhands_tiered_router.config import load_config, tier_set
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.record.replay.costs import session_cost
from openhands_tiered_router.record.replay.run import ReplayedTurn, replay
from openhands_tiered_router.record.replay.sessions import read_rows
from openhands_tiered_router.record.replay.trajectories import message_log
from openhands_tiered_router.tiers import FIVE_MINUTES, Tier, TierSet
from openhands_tiered_router.tokens.masking import KEEP, idle, notice


PAUSE = 600.0


@dataclass
class Session:
    """A recording: what each turn's prompt had, and what the turn then did."""

    results: list[str] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    """Results that stand before each turn."""
    chars: list[int] = field(default_factory=list)
    """Characters of each turn's prompt."""
    actions: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """What the model and the user wrote by then."""


@dataclass
class Lost:
    names: int = 0
    names_lost: int = 0
    lines: int = 0
    lines_lost: int = 0


def session_of(messages: Sequence[Mapping[str, Any]]) -> Session:
    session, chars, words = Session(), 0, ""
    for message in messages:
        text, action = text_of(message), action_of(message)
        if message["role"] == "assistant" and message.get("usage"):
            session.before.append(len(session.results))
            session.chars.append(chars)
            session.actions.append(action)
            session.words.append(words)
            words = ""
        if message["role"] == "tool":
            session.results.append(text)
        else:
            words += f"\n{text}\n{action}"
        chars += len(text) + len(action)
    return session


def lost_in(session: Session, hidden: Sequence[frozenset[int]]) -> Lost:
    """What the actions name that is in no result that their prompt shows in full."""
    lost = Lost()
    names = [set(NAME.findall(text)) for text in session.results]
    lines = [lines_of(text) for text in session.results]
    short = [notice(text) for text in session.results]
    own_names: set[str] = set()
    own_lines: set[str] = set()
    for turn, action in enumerate(session.actions):
        own_names |= set(NAME.findall(session.words[turn]))
        own_lines |= lines_of(session.words[turn])
        known = range(session.before[turn])
        gone = hidden[turn]
        wanted = set(NAME.findall(action)) - own_names
        wanted &= set().union(*(names[i] for i in known))
        lost.names += len(wanted)
        if wanted and gone:
            shown = set().union(*(names[i] for i in known if i not in gone))
            shown |= set().union(*(NAME.findall(short[i]) for i in gone))
            lost.names_lost += len(wanted - shown)
        whole = (lines_of(action) - own_lines) & set().union(*(lines[i] for i in known))
        lost.lines += len(whole)
        if whole and gone:
            shown = set().union(*(lines[i] for i in known if i not in gone))
            shown |= set().union(*(lines_of(short[i]) for i in gone))
            lost.lines_lost += len(whole - shown)
    return lost


def shortened(
    turns: list[ReplayedTurn], session: Session, hidden: Sequence[frozenset[int]]
) -> list[ReplayedTurn]:
    """The turns with prompts that lack what was left out, by its characters."""
    first, last = turns[0].turn.usage.prompt, turns[-1].turn.usage.prompt
    per_char = max(last - first, 0) / max(session.chars[-1] - session.chars[0], 1)
    saved = [len(text) - len(notice(text)) for text in session.results]
    made = []
    for turn, gone in zip(turns, hidden, strict=True):
        usage = turn.turn.usage
        less = round(sum(saved[i] for i in gone) * per_char)
        recorded = replace(
            turn.turn, usage=replace(usage, prompt=max(usage.prompt - less, 1))
        )
        made.append(replace(turn, turn=recorded))
    return made


def masked(turns: list[ReplayedTurn], session: Session) -> list[frozenset[int]]:
    """What each turn's prompt lacks. A recording has starts of requests, and no times
    of answers."""
    hidden, gone, began = [], frozenset[int](), turns[0].start
    for number, turn in enumerate(turns):
        if turn.start - began > FIVE_MINUTES:
            known = session.results[: session.before[number]]
            gone |= idle(known, session.actions[:number])
        hidden.append(gone)
        began = turn.start
    return hidden


def viewed(turns: list[ReplayedTurn], session: Session) -> list[frozenset[int]]:
    """What each turn's prompt lacks, if models get what is new to them shortened."""
    seen: dict[str, int] = {}
    gone: dict[str, frozenset[int]] = {}
    hidden = []
    for number, turn in enumerate(turns):
        model, count = turn.served.cache_id, session.before[number]
        fresh = frozenset(range(seen.get(model, 0), max(count - KEEP, 0)))
        gone[model] = gone.get(model, frozenset()) | fresh
        hidden.append(gone[model])
        seen[model] = count
    return hidden


def with_pause(turns: list[ReplayedTurn]) -> list[ReplayedTurn]:
    middle = len(turns) // 2
    return [
        replace(t, start=t.start + PAUSE, end=t.end + PAUSE) if i >= middle else t
        for i, t in enumerate(turns)
    ]


def main() -> None:
    path, config = Path(sys.argv[1]), Path(sys.argv[2])
    scale = float(sys.argv[4]) if sys.argv[3:4] == ["--scale"] else 0.0
    view = "--view" in sys.argv
    tiers = tier_set(load_config(config))
    if not view:
        strongest = replace(tiers.endpoints[-1], key="complex", tier=Tier.COMPLEX)
        tiers = TierSet((strongest,))
    engine = Engine(tiers, RULES)
    costs, losses, alone = [], [], 0.0
    for n, row in read_rows(path):
        recorded = message_log(f"{path}:{n}", row)
        if not recorded.turns:
            continue
        turns = replay(engine, recorded, scale or 1.0)
        turns = turns if scale or view else with_pause(turns)
        session = session_of(row["messages"])
        hidden = (viewed if view else masked)(turns, session)
        five = {e.key: e for e in tiers.endpoints}
        served = [t.served if view else five[t.served.key] for t in turns]
        short = shortened(turns, session, hidden)
        both = (session_cost(turns, served), session_cost(short, served))
        costs.append((sum(both[0]), sum(both[1])))
        losses.append(lost_in(session, hidden))
        alone += sum(session_cost(turns, [tiers.endpoints[-1]] * len(turns)))
    print(
        f"cost {shown(costs)}  lost: names "
        + share(sum(x.names_lost for x in losses), sum(x.names for x in losses))
        + "  lines "
        + share(sum(x.lines_lost for x in losses), sum(x.lines for x in losses))
    )
    if view:
        whole, less = (sum(c[i] for c in costs) / alone for i in (0, 1))
        print(f"relative to the strongest tier alone: {whole:.3f}, then {less:.3f}")


if __name__ == "__main__":
    main()
