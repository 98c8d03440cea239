"""What the schemas of MCP tools cost, and what offering few of them leaves of that.

    python tests/benchmarks/tool_schemas.py SESSIONS CONFIG

SESSIONS is a JSON Lines file as for ``tiered-router replay``, of agents without MCP
tools; the strongest tier of CONFIG serves every turn with a cache of five minutes. Each
prompt is given 30,000 tokens of made-up schemas, and the first 7,200 tokens that the
SDK's own prompt and tools take, which the recordings lack. Prints the cost relative to
no MCP tools, with 95 % bootstrap intervals: of all schemas; of what
``[tokens] tool_tokens`` offers of them, with its pair; and of that with searches in
the first turns, each two more turns (``find_tool`` and ``call_tool`` instead of one
call), whose results stay in the prompt.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import mcp.types
from openhands.sdk.mcp.definition import MCPToolAction, MCPToolObservation
from openhands.sdk.mcp.tool import MCPToolDefinition
from openhands.sdk.tool import ToolDefinition
from ratios import shown

from openhands_tiered_router.config import load_config, tier_set
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.record.replay.costs import session_cost
from openhands_tiered_router.record.replay.run import ReplayedTurn, replay
from openhands_tiered_router.record.replay.sessions import read_rows
from openhands_tiered_router.record.replay.trajectories import message_log
from openhands_tiered_router.sdk.tool_choice import ToolChoice, choose
from openhands_tiered_router.skill_kit.context import by_relevance
from openhands_tiered_router.tiers import Tier, TierSet


HEAD = 7_200
SCHEMAS = 30_000
LIMIT = 1_000
LOOKUPS = (0, 1, 3)
# Eighty tools of some 380 tokens: what a large server brings.
NOUNS = ("issue", "branch", "review", "release", "run", "secret", "label", "gist")
VERBS = (
    "list", "get", "create", "update", "delete", "search", "add", "merge", "close",
    "lock",
)  # fmt: skip


def tool(verb: str, noun: str) -> MCPToolDefinition:
    fields = ("owner", "repository", "number", "title", "body", "state", "page")
    text = f"The {{}} of the {noun} to {verb}, as the server shows it."
    properties = {f: {"type": "string", "description": text.format(f)} for f in fields}
    about = f"{verb} a {noun}. " + f"Use it to {verb} one {noun} of a repository. " * 9
    schema = {"type": "object", "properties": properties, "required": ["owner"]}
    name = f"{verb}_{noun}"
    return MCPToolDefinition(
        description=about,
        action_type=MCPToolAction,
        observation_type=MCPToolObservation,
        mcp_tool=mcp.types.Tool(name=name, description=about, inputSchema=schema),
    )


def tokens(tools: list[ToolDefinition[Any, Any]]) -> int:
    return sum(len(json.dumps(t.to_openai_tool())) for t in tools) // 4


def longer(turns: list[ReplayedTurn], more: int) -> list[ReplayedTurn]:
    made = []
    for turn in turns:
        usage = turn.turn.usage
        bigger = replace(usage, prompt=usage.prompt + more)
        made.append(replace(turn, turn=replace(turn.turn, usage=bigger)))
    return made


def with_lookups(
    turns: list[ReplayedTurn], count: int, found: int
) -> list[ReplayedTurn]:
    """Turns 2 to ``count`` + 1 twice, with what was found in all prompts after."""
    made, more = [], 0
    for number, turn in enumerate(turns):
        made += longer([turn], more)
        if 1 <= number <= count:
            more += found
            made += longer([turn], more)
    return made


def main() -> None:
    path, config = Path(sys.argv[1]), Path(sys.argv[2])
    strongest = tier_set(load_config(config)).endpoints[-1]
    alone = replace(strongest, key="complex", tier=Tier.COMPLEX)
    engine = Engine(TierSet((alone,)), RULES)
    tools = {t.name: t for t in (tool(v, n) for n in NOUNS for v in VERBS)}
    each = tokens([tools["get_issue"]])
    tools = dict(list(tools.items())[: SCHEMAS // each])
    made = choose("List the labels of the issue.", tools, LIMIT, by_relevance)
    offered = ToolChoice(made["shown"], made["names"], by_relevance).offered(tools)
    few, found = tokens(list(offered.values())), 3 * each
    print(f"{len(tools)} tools, {tokens(list(tools.values()))} tokens; offered {few}")
    rows: dict[str, list[tuple[float, float]]] = {}
    for n, row in read_rows(path):
        session = message_log(f"{path}:{n}", row)
        if not session.turns:
            continue
        none = longer(replay(engine, session), HEAD)
        cases = {"all schemas": longer(none, SCHEMAS)}
        for count in LOOKUPS:
            cases[f"few, {count} searches"] = with_lookups(
                longer(none, few), count, found
            )
        before = sum(session_cost(none, [alone] * len(none)))
        for name, turns in cases.items():
            after = sum(session_cost(turns, [alone] * len(turns)))
            rows.setdefault(name, []).append((before, after))
    for name, costs in rows.items():
        print(f"{name}: {shown(costs)}", flush=True)


if __name__ == "__main__":
    main()
