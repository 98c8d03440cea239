"""The settings that a policy can be given; the configuration's ``[policy]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from openhands_tiered_router.tiers import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How decisions are made."""

    base_tier: Tier = Tier.COMPLEX
    """Serves hard turns. Where telemetry shows none better, the design's default."""
    mechanical_tier: Tier = Tier.SIMPLE
    """Serves turns that are expected to be mechanical."""
    side_tier: Tier = Tier.SIMPLE
    """Serves titles, summaries, condensation, hooks."""
    window_margin: float = 0.9
    """Share of a context window that the expected prompt may fill: the estimate of
    its size is some percent off, and the answer needs room."""
    economy: float = 0.5
    """From 0, quality first, to 1, cost first: scales the leak budget and price. At
    0.5 both are as measured in docs/benchmarks.md."""
    quality_floor: Tier | None = None
    """No turn of a conversation is served below it."""
    leak_budget: float = 0.25
    """Share of a session's hard turns that a weak tier may serve before the next one
    gets dearer. A rule of one line leaks 0.31 (docs/benchmarks.md)."""
    leak_price: float = 2.4
    """What a leaked hard turn must save, in savings of a turn in mid-session: the
    multiplier at which recorded sessions leak just under the budget."""
    leak_gain: float = 4.0
    """How steeply that price rises beyond the budget: by ``exp(gain * excess)``.
    Fitted by replay, for slow turns; at recorded speed it costs 1 % of the saving."""
    leak_prior: float = 10.0
    """Hard turns by which a session's first ones are diluted in that excess."""
    failed_weight: float = 1.5
    """How much dearer a leaked turn is right after a failure. Judgement: what failed
    needs thought, but one failure alone makes no second likelier (11 %, not 10 %)."""
    mechanical_threshold: float = 0.62
    """P(mechanical) from which a turn goes to the mechanical tier where a price is
    not known. Judgement, near the leak budget."""
    failures_in_a_row: int = 2
    """Failed turns after which the base tier serves: after two, a third command
    fails in 33 % of cases, after one in 11 %."""
    repeats: int = 3
    """Equal actions with equal results among the last turns that raise the tier."""
    idle_turns: int = 30
    """Turns without an edit, a script or a test after which there is no progress.
    Judgement: long enough for a wide look around."""
    runaway_turns: int = 200
    """Turns of a session after which it is a runaway: longer than any recorded one.
    Sessions of one model differ less; set the 95th percentile of your own."""
    recovery_turns: int = 1
    """Turns without a failure after which a raised floor is let go."""
    risky_paths: tuple[str, ...] = ()
    """Globs, such as ``migrations/*``: work on these files gets ``risk_tier``."""
    risk_tier: Tier = Tier.COMPLEX
    """Floor for work on risky files."""
    graph_risk: float = 0.8
    """Risk in [0, 1] that the code graph must see in the files at hand: in effect a
    hub that much depends on, or that no test reaches."""
    cache_look_back: int | None = None
    """Content blocks that providers search back for a cached prefix; set 20 where
    requests do not keep a breakpoint where each endpoint last ended."""
    slow_turn: float = 50.0
    """Seconds a turn from which a one-hour cache is cheaper than a five-minute one:
    measured on recorded sessions with Anthropic's prices."""
    catch_rate: float = 0.0
    """Share of wrong work that the verifier rejects; 0 where nothing verifies."""
    pass_rate: float = 1.0
    """Share of right work that the verifier accepts; 1 where nothing verifies."""
    dimension_weights: Mapping[str, float] = field(default_factory=dict)
    """Weights of the task score to use instead of the fitted ones, by dimension."""


PROFILES: Final[Mapping[str, float]] = {
    "quality": 0.1,
    "balanced": 0.5,
    "thrift": 0.75,
}
"""Named values of ``economy``."""

_TIERS: Final = frozenset(
    {"base_tier", "mechanical_tier", "side_tier", "quality_floor", "risk_tier"}
)
_SHARES: Final = frozenset(
    {
        "window_margin",
        "economy",
        "leak_budget",
        "mechanical_threshold",
        "graph_risk",
        "catch_rate",
        "pass_rate",
    }
)
_COUNTS: Final = frozenset(
    {
        "failures_in_a_row",
        "repeats",
        "idle_turns",
        "runaway_turns",
        "recovery_turns",
        "cache_look_back",
    }
)
_OPTIONAL: Final = frozenset({"quality_floor", "cache_look_back"})


class PolicyError(ValueError):
    """A setting that a policy cannot have; names it, its value and the remedy."""


def policy_from(settings: Mapping[str, Any], base: Policy | None = None) -> Policy:
    """The policy with those settings, by the names of ``Policy``'s fields.

    ``profile`` names one of ``PROFILES``; ``economy`` beside it goes before it.

    Raises:
        PolicyError: A name is unknown, or a value is of the wrong type or range.
    """
    base = base or Policy()
    given = dict(settings)
    changes: dict[str, Any] = {}
    if "profile" in given:
        profile = given.pop("profile")
        if profile not in PROFILES:
            names = ", ".join(PROFILES)
            raise PolicyError(f"profile: {profile!r} is none; use one of {names}")
        changes["economy"] = PROFILES[profile]
    known = {f.name for f in fields(Policy)}
    for name, value in given.items():
        if name not in known:
            raise PolicyError(f"{name}: no such setting; there are {sorted(known)}")
        changes[name] = _checked(name, value)
    return replace(base, **changes)


def _checked(name: str, value: Any) -> Any:
    if value is None:
        if name in _OPTIONAL:
            return None
        raise PolicyError(f"{name}: must not be empty")
    if name in _TIERS:
        return _tier(name, value)
    if name == "risky_paths":
        is_list = isinstance(value, list | tuple)
        if not is_list or not all(isinstance(v, str) for v in value):
            raise PolicyError(f"{name}: expected a list of globs, got {value!r}")
        return tuple(value)
    if name == "dimension_weights":
        if not isinstance(value, Mapping):
            raise PolicyError(f"{name}: expected a table of weights, got {value!r}")
        return {str(k): _weight(f"{name}.{k}", v) for k, v in value.items()}
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PolicyError(f"{name}: expected a number, got {value!r}")
    if name in _COUNTS and (value < 1 or value != int(value)):
        raise PolicyError(f"{name}: expected a whole number from 1, got {value!r}")
    if not 0 <= value < float("inf") or (name in _SHARES and value > 1):
        most = "1" if name in _SHARES else "any size"
        raise PolicyError(f"{name}: expected a number from 0 to {most}, got {value!r}")
    return int(value) if name in _COUNTS else float(value)


def _weight(name: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < float("inf"):
        raise PolicyError(f"{name}: expected a weight from 0 up, got {value!r}")
    return float(value)


def _tier(name: str, value: Any) -> Tier:
    if isinstance(value, Tier):
        return value
    try:
        return Tier.parse(str(value))
    except ValueError as error:
        raise PolicyError(f"{name}: {error}") from None
