"""What shortening tool results at arrival saves, and what is lost by it.

    python tests/benchmarks/arrival_filter.py SESSIONS CONFIG [--parts]

SESSIONS is a JSON Lines file as for ``tiered-router replay``; the strongest tier of
CONFIG serves every turn with a cache of five minutes. Results are filtered as they
arrive and prompts shrink in proportion to their characters. Prints

- cost and prompt tokens relative to no filter, with 95 % bootstrap intervals;
- of the names and the whole lines in an action that only earlier results show, the
  share that its filtered prompt does not show;
- error lines of results that their filtered form and what it refers to do not show.

``--parts`` prints the same of each part of the filter alone. Costs are simulated on
fixed trajectories; what another prompt would have made the model do is not measured.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ratios import shown

from openhands_tiered_router.config import load_config, tier_set
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.record.replay.costs import session_cost
from openhands_tiered_router.record.replay.run import ReplayedTurn, replay
from openhands_tiered_router.record.replay.sessions import read_rows
from openhands_tiered_router.record.replay.trajectories import message_log
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet
from openhands_tiered_router.tokens.distil import distilled
from openhands_tiered_router.tokens.filter import Seen, arrived, without_repeats


Filter = Callable[[str, Seen], str]
PARTS: Mapping[str, Filter] = {
    "filter": lambda text, seen: arrived(text, seen).text,
    "repeats": without_repeats,
    "distil": lambda text, _: distilled(text),
}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{3,}")
NUMBER = re.compile(r"^\s*\d+[\t:\-|]\s?|^[^\s:]*[:\-]\d+[:\-]")
TROUBLE = re.compile(
    r"\w*(?:error|exception)s?\b|\b(?:fail|fatal|traceback|panic|denied|abort|warn)",
    re.IGNORECASE,
)
"""Not the expression that the filter itself goes by."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LEAST_LINE = 12
"""Characters below which a line says nothing of where it came from."""


@dataclass
class Lost:
    """Counts over a session: known only from results, and no longer shown."""

    names: int = 0
    names_lost: int = 0
    lines: int = 0
    lines_lost: int = 0
    errors: int = 0
    errors_lost: int = 0
    saved: list[int] = field(default_factory=list)
    """Characters that each turn's prompt lacks."""
    shown: list[int] = field(default_factory=list)
    """Characters that each turn's prompt had."""


def text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else json.dumps(content)


def action_of(message: Mapping[str, Any]) -> str:
    """The texts of a message's tool calls, as they were meant."""
    found = []
    for call in message.get("tool_calls") or ():
        raw = call["function"].get("arguments") or ""
        try:
            values = json.loads(raw)
        except ValueError:
            values = raw
        values = values.values() if isinstance(values, dict) else [values]
        found += [value if isinstance(value, str) else str(value) for value in values]
    return "\n".join(found)


def lines_of(text: str) -> set[str]:
    plain = COLOUR.sub("", text)
    bare = (NUMBER.sub("", line).strip() for line in plain.split("\n"))
    return {line for line in bare if len(line) >= LEAST_LINE}


def followed(messages: Sequence[Mapping[str, Any]], shorten: Filter) -> Lost:
    lost, seen = Lost(), Seen()
    own_names: set[str] = set()
    own_lines: set[str] = set()
    raw_names: set[str] = set()
    raw_lines: set[str] = set()
    left_names: set[str] = set()
    left_lines: set[str] = set()
    chars = saved = 0
    command = ""
    for message in messages:
        text = text_of(message)
        if message["role"] == "tool":
            short = shorten(text, seen)
            seen.add(command, short)
            chars, saved = chars + len(text), saved + len(text) - len(short)
            raw_names |= set(NAME.findall(text))
            raw_lines |= lines_of(text)
            left_names |= set(NAME.findall(short))
            left_lines |= lines_of(short)
            errors = {x for x in lines_of(text) if TROUBLE.search(x)}
            lost.errors += len(errors)
            lost.errors_lost += len(errors - left_lines - own_lines)
            continue
        if message["role"] == "assistant" and message.get("usage"):
            lost.saved.append(saved)
            lost.shown.append(chars)
        action = action_of(message)
        names, lines = set(NAME.findall(action)), lines_of(action)
        names, lines = (names & raw_names) - own_names, (lines & raw_lines) - own_lines
        lost.names += len(names)
        lost.names_lost += len(names - left_names)
        lost.lines += len(lines)
        lost.lines_lost += len(lines - left_lines)
        if action:
            command = action
            seen.add(action, action)
        own_names |= set(NAME.findall(action + text))
        own_lines |= lines_of(action) | lines_of(text)
        chars += len(text) + len(action)
    return lost


def shortened(turns: list[ReplayedTurn], lost: Lost) -> list[ReplayedTurn]:
    """The turns with prompts that lack what was left out."""
    first, last = turns[0].turn.usage.prompt, turns[-1].turn.usage.prompt
    grown = max(lost.shown[-1] - lost.shown[0], 1)
    per_char = max(last - first, 0) / grown
    made = []
    for turn, saved in zip(turns, lost.saved, strict=True):
        usage = turn.turn.usage
        prompt = max(usage.prompt - round(saved * per_char), 1)
        recorded = replace(turn.turn, usage=replace(usage, prompt=prompt))
        made.append(replace(turn, turn=recorded))
    return made


def cost(turns: list[ReplayedTurn], endpoint: Endpoint) -> float:
    return sum(session_cost(turns, [endpoint] * len(turns)))


def share(part: int, whole: int) -> str:
    return f"{part}/{whole} ({part / max(whole, 1):.2%})"


def main() -> None:
    path, config = Path(sys.argv[1]), Path(sys.argv[2])
    strongest = tier_set(load_config(config)).endpoints[-1]
    alone = replace(strongest, key="complex", tier=Tier.COMPLEX)
    engine = Engine(TierSet((alone,)), RULES)
    sessions = [(row, message_log(f"{path}:{n}", row)) for n, row in read_rows(path)]
    kept = [(row["messages"], replay(engine, s)) for row, s in sessions if s.turns]
    for name in PARTS if "--parts" in sys.argv else ["filter"]:
        costs, tokens, losses = [], [], []
        for messages, turns in kept:
            lost = followed(messages, PARTS[name])
            short = shortened(turns, lost)
            costs.append((cost(turns, alone), cost(short, alone)))
            before = sum(t.turn.usage.prompt for t in turns)
            tokens.append((before, sum(t.turn.usage.prompt for t in short)))
            losses.append(lost)
        print(
            f"{name}: cost {shown(costs)}  tokens {shown(tokens)}  lost: names "
            + share(sum(x.names_lost for x in losses), sum(x.names for x in losses))
            + "  lines "
            + share(sum(x.lines_lost for x in losses), sum(x.lines for x in losses))
            + "  error lines "
            + share(sum(x.errors_lost for x in losses), sum(x.errors for x in losses)),
            flush=True,
        )


if __name__ == "__main__":
    main()
