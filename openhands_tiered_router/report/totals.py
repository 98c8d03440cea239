"""Digests of conversations, added up to what the report's parts are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import add
from typing import Final

from openhands_tiered_router.core.decision import Usage
from openhands_tiered_router.report.receipts import Key, Receipts, receipts
from openhands_tiered_router.report.sums import (
    ConversationSums,
    base_tier,
    conversation_sums,
)
from openhands_tiered_router.telemetry.aggregates import By, Group, Keys
from openhands_tiered_router.telemetry.digest import (
    BINS,
    Bin,
    Caches,
    Calls,
    Digest,
    cachings,
)
from openhands_tiered_router.tiers import Tier, TierSet


BY: Final[tuple[By, ...]] = ("day", "tier", "endpoint", "provision")
"""What all calls are told apart by."""

type _Key = tuple[int | None, ...]


class Totals:
    """Adds up digests, each of which is looked at once."""

    def __init__(
        self, digests: Iterable[Digest], tier_sets: Mapping[int, TierSet]
    ) -> None:
        self.sums: list[ConversationSums] = []
        """Of each conversation."""
        self.stronger: list[int] = [0] * len(Tier)
        """Choices that were weighed, by the tier of the stronger side."""
        self.bins: list[Bin] = [Bin()] * BINS
        self._calls: dict[_Key, Iterable[float]] = {}
        self._caches: dict[Key, Iterable[float]] = {}
        self._kinds = {key: cachings(tiers) for key, tiers in tier_sets.items()}
        for digest in digests:
            self._add(digest)

    def groups(self, keys: Keys, *by: By) -> tuple[Group, ...]:
        """All calls by some of ``BY``, in order of the key; unknown keys first."""
        places = [BY.index(b) for b in by]
        found: dict[_Key, Iterable[float]] = {}
        for key, calls in self._calls.items():
            _put(found, tuple(key[p] for p in places), calls)
        order = sorted(found, key=lambda key: [(k is not None, k) for k in key])
        return tuple(_group(keys.shown(by, k), Calls._make(found[k])) for k in order)

    def receipts(self, keys: Keys, tier_sets: Mapping[int, TierSet]) -> Receipts:
        """What changing models did to caches."""
        caches = {key: Caches(*map(int, c)) for key, c in self._caches.items()}
        return receipts(caches, tier_sets, keys.names)

    def base(self) -> Tier | None:
        """The stronger side of most choices that were weighed; ``None``: none was."""
        return base_tier(self.stronger)

    def _add(self, digest: Digest) -> None:
        self.sums += conversation_sums(digest, self._kinds)
        self.stronger = list(map(add, self.stronger, digest.stronger))
        self.bins = [
            Bin(*map(add, a, b)) for a, b in zip(self.bins, digest.bins, strict=True)
        ]
        for cell in digest.cells:
            _put(self._calls, cell.key[1:], cell.calls)
            _put(self._caches, (cell.key.tier_set, cell.key.endpoint), cell.caches)


def _put[K](found: dict[K, Iterable[float]], key: K, added: Iterable[float]) -> None:
    before = found.get(key)
    found[key] = added if before is None else list(map(add, before, added))


def _group(key: tuple[str | int | None, ...], calls: Calls) -> Group:
    sums = calls._asdict()
    usage = Usage(
        prompt=sums.pop("prompt_tokens"),
        completion=sums.pop("completion_tokens"),
        cache_read=sums.pop("cache_read_tokens"),
        cache_write=sums.pop("cache_write_tokens"),
        reasoning=sums.pop("reasoning_tokens"),
    )
    points, assessed = sums.pop("points"), calls.assessed
    quality = points / assessed if assessed else None
    return Group(key=key, usage=usage, quality=quality, **sums)
