"""Published results of models with the OpenHands agent, and the search by name.

The numbers are in ``data/models.json``, which says where they are from and as of
when; ``tiered-router calibrate --from outcomes.jsonl.gz --output models.json`` makes
that file from outcomes by instance.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from importlib.resources import files
from string import ascii_lowercase
from typing import Any, Final


SMOOTHING: Final = 2.0
"""Tasks' worth of the models' mean that a rate is diluted with: nothing that shows
at 300 tasks, and at 8 it keeps a rate away from 0 and 1."""


class Work(StrEnum):
    """A kind of work. Models that are strong at one may be weak at another."""

    BUGS = "bugs"
    """Fixing reported bugs in an existing repository."""
    FRONTEND = "frontend"
    """The same where the report shows pictures of a user interface."""
    TESTS = "tests"
    """Writing tests that notice a reported bug."""
    APPS = "apps"
    """Writing a library or application from its specification."""
    RESEARCH = "research"
    """Gathering information and answering questions."""


BENCHMARKS: Final[Mapping[str, Work]] = {
    "swe-bench": Work.BUGS,
    "swe-bench-multimodal": Work.FRONTEND,
    "swt-bench": Work.TESTS,
    "commit0": Work.APPS,
    "gaia": Work.RESEARCH,
}
"""The benchmark that each kind of work is measured by."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one model did on one benchmark."""

    tasks: int
    solved: int
    usd: float | None
    """Mean USD a task; ``None``: not known."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How tasks of one kind of work differ, over all models of the table.

    P(solved) = sigmoid(ability - sigma d) and cost = usd exp(growth d - growth^2 / 2)
    for a task's difficulty d, standard normal over tasks (Rasch 1960). The second
    term keeps the mean cost at ``usd``.
    """

    sigma: float
    """How much tasks differ, and so how little a second model solves of what the
    first could not."""
    growth: float
    """Rise of the cost's logarithm for each standard deviation of difficulty."""


@dataclass(frozen=True)
class Table:
    """Results by model and kind of work."""

    source: str
    """Where they are from and as of when, for the user."""
    results: Mapping[str, Mapping[Work, Result]]
    spreads: Mapping[Work, Spread]
    """Without works that too few tasks are known of."""

    def find(self, model: str) -> str | None:
        """The table's name for a litellm model string; ``None``: not in it."""
        return self._names.get(plain_name(model))

    def before(self, model: str) -> str | None:
        """The table's name for the version before a model that it does not know.

        The latest of the same family: ``claude-opus-4-8`` for ``claude-opus-5-5``.
        """
        family, version = _versioned(plain_name(model))
        known = [(_versioned(plain), name) for plain, name in self._names.items()]
        older = [(v, name) for (f, v), name in known if f == family and v < version]
        return max(older)[1] if older else None

    def success(self, name: str, work: Work) -> float | None:
        """Share of tasks that the model solves, smoothed; ``None``: not known."""
        result = self.results.get(name, {}).get(work)
        if result is None or not result.tasks:
            return None
        prior = SMOOTHING * self._means[work]
        return (result.solved + prior) / (result.tasks + SMOOTHING)

    def usd(self, name: str, work: Work) -> float | None:
        """Mean USD that the model spends on a task; ``None``: not known."""
        result = self.results.get(name, {}).get(work)
        return result and result.usd

    def spread(self, work: Work) -> Spread:
        """How tasks differ; the median of the other works if not known for this."""
        if work in self.spreads:
            return self.spreads[work]
        known = self.spreads.values()
        return Spread(
            sigma=statistics.median(s.sigma for s in known),
            growth=statistics.median(s.growth for s in known),
        )

    @cached_property
    def _names(self) -> dict[str, str]:
        return {plain_name(name): name for name in self.results}

    @cached_property
    def _means(self) -> dict[Work, float]:
        means = {}
        for work in Work:
            rows = [r[work] for r in self.results.values() if work in r]
            rates = [r.solved / r.tasks for r in rows if r.tasks]
            means[work] = statistics.fmean(rates) if rates else 0.5
        return means


@lru_cache(maxsize=1)
def default_table() -> Table:
    """The table that comes with the package; read once."""
    source = files("openhands_tiered_router.policy.value") / "data" / "models.json"
    return table_of(json.loads(source.read_text("utf-8")))


def table_of(raw: Mapping[str, Any]) -> Table:
    """The table in a file's JSON, as ``calibrate`` writes it."""
    return Table(
        source=raw["source"],
        results={
            name: {Work(work): Result(*row) for work, row in rows.items()}
            for name, rows in raw["models"].items()
        },
        spreads={
            Work(work): Spread(row["sigma"], row["cost_growth"])
            for work, row in raw["works"].items()
            if row["sigma"] is not None
        },
    )


_VERSION: Final = re.compile(r"[a-z]?\d{1,2}")
"""A part of a name that counts versions: ``5``, ``v4``, ``k2``; no size, no date."""
_VENDOR: Final = re.compile(
    r"^(?:[a-z-]{2,6}\.)?(?:anthropic|deepseek|google|minimax|minimaxai|moonshot"
    r"|moonshotai|nvidia|openai|qwen|zai|zai-org)\."
)
"""Vendors in Bedrock's names, behind the region or not: ``us.anthropic.``."""
_RELEASE: Final = re.compile(
    r"(?:@(?:\d{8}|default|latest)|\[1m\]|-v\d+(?::\d+)?|:(?:\d+|free|latest|nitro"
    r"|beta|exacto|floor)|-\d{8}|-2\d{5}|-\d{4}-\d{2}-\d{2}|-\d{2}-\d{4}|-preview|-latest"
    r"|-customtools|-maas|-tee|-fp8|-instruct|-it)$"
)
"""What names a release, a price or a place, but no other model."""
_DECIMAL: Final = re.compile(r"(?<=\d)p(?=\d)")
"""Fireworks writes ``kimi-k2p5``."""
_SHUFFLED: Final = re.compile(r"^claude-(\d+(?:-\d+)?)-(opus|sonnet|haiku|fable)")
"""``claude-4.5-opus`` is ``claude-opus-4-5``."""
_SIZES: Final = re.compile(
    r"^(nemotron-3-nano)-30b-a3b$|^(nemotron-3-super)-120b-a12b$"
    r"|^(qwen3-coder-480b)-a35b$"
)
"""Sizes that are part of some names."""


def plain_name(model: str) -> str:
    """A model's name without provider, vendor, release date and the like.

    ``bedrock/us.anthropic.claude-opus-4-5-20251101-v1:0``, ``claude-opus-4.5`` and
    ``vertex_ai/claude-opus-4-5@20251101`` are all ``claude-opus-4-5``. Whatever may
    name another model (``-mini``, ``-thinking``, a size) is kept.
    """
    name = model.lower().rpartition("/")[2]
    name = _VENDOR.sub("", name).removeprefix("databricks-")
    name = name.removeprefix("fw-")
    while (shorter := _RELEASE.sub("", name)) != name:
        name = shorter
    name = _DECIMAL.sub(".", name)
    name = re.sub(r"[._ ]+", "-", name)
    name = _SHUFFLED.sub(r"claude-\2-\1", name)
    name = re.sub(r"^nvidia-", "", name)
    if sized := _SIZES.match(name):
        name = next(group for group in sized.groups() if group)
    return name


def _versioned(plain: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """What a model's versions share, and which one it is."""
    parts = plain.split("-")
    counts = [part for part in parts if _VERSION.fullmatch(part)]
    family = tuple(part for part in parts if part not in counts)
    return family, tuple(int(part.lstrip(ascii_lowercase)) for part in counts)
