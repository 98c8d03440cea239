"""A decision's situation as compact JSON: what other policies are asked about."""

from __future__ import annotations

import json
from typing import Any

from openhands_tiered_router.policy.situation import Situation, WarmEndpoint
from openhands_tiered_router.record.telemetry import clean
from openhands_tiered_router.tiers import Tier


def encode_situation(situation: Situation) -> str:
    """Fields by short names; those at their default are left out."""
    log_seconds, total_seconds, turns = situation.pace
    fields: dict[str, Any] = {
        "prompt": situation.prompt_tokens,
        "images": situation.images,
        "tools": int(situation.needs_tools),
        "p": situation.p_mechanical,
        "floor": _tier(situation.floor),
        "cap": _tier(situation.cap),
        "pin": _tier(situation.pin),
        "opening": int(situation.opening),
        "pace": [round(log_seconds, 3), round(total_seconds, 1), turns],
        "growth": round(situation.growth, 1),
        "hard": list(situation.hard_served),
        "by": situation.answered_by and clean.name(situation.answered_by),
        "warm": [_warm(w) for w in situation.warm],
        "arms": {str(tier): p for tier, p in situation.arms},
    }
    kept = {k: v for k, v in fields.items() if v or (k == "p" and v is not None)}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False)


def decode_situation(text: str) -> Situation:
    """What ``encode_situation`` wrote.

    Raises:
        ValueError, TypeError, KeyError: It is something else.
    """
    fields = json.loads(text)
    log_seconds, total_seconds, turns = fields["pace"]
    return Situation(
        prompt_tokens=fields.get("prompt", 0),
        images=fields.get("images", 0),
        needs_tools=bool(fields.get("tools")),
        p_mechanical=fields.get("p"),
        floor=_parsed(fields.get("floor")),
        cap=_parsed(fields.get("cap")),
        pin=_parsed(fields.get("pin")),
        opening=bool(fields.get("opening")),
        pace=(log_seconds, total_seconds, turns),
        growth=fields.get("growth", 0.0),
        hard_served=tuple(fields["hard"]),
        answered_by=fields.get("by"),
        warm=tuple(
            WarmEndpoint(
                endpoint=key,
                tokens=tokens,
                age=age,
                blocks=blocks,
                ttl=ttl,
                long_tokens=long_tokens,
                long_ttl=long_ttl,
                gaps=(gaps[0], gaps[1], gaps[2]),
            )
            for key, tokens, age, blocks, ttl, long_tokens, long_ttl, gaps in (
                fields.get("warm", ())
            )
        ),
        arms=tuple((Tier.parse(n), p) for n, p in fields["arms"].items()),
    )


def _warm(warm: WarmEndpoint) -> list[Any]:
    name = clean.name(warm.endpoint)
    count, log_sum, log_squares = warm.gaps
    return [
        name,
        warm.tokens,
        round(warm.age, 2),
        warm.blocks,
        warm.ttl,
        warm.long_tokens,
        warm.long_ttl,
        [count, round(log_sum, 3), round(log_squares, 3)],
    ]


def _tier(tier: Tier | None) -> str | None:
    return None if tier is None else str(tier)


def _parsed(name: str | None) -> Tier | None:
    return None if name is None else Tier.parse(name)
