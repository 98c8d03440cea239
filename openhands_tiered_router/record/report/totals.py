"""Digests of conversations, added up to what the report's parts are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.record.report.receipts import Key, Receipts, receipts
from openhands_tiered_router.record.report.sums import (
    ConversationSums,
    base_tier,
    conversation_sums,
)
from openhands_tiered_router.record.telemetry.aggregates import By, Group, Keys
from openhands_tiered_router.record.telemetry.digest import (
    Bin,
    Caches,
    Calls,
    Digest,
    added,
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
        kinds = {key: cachings(tiers) for key, tiers in tier_sets.items()}
        calls: dict[_Key, list[Calls]] = {}
        caches: dict[Key, list[Caches]] = {}
        stronger: list[tuple[int, ...]] = []
        bins: list[tuple[Bin, ...]] = []
        for digest in digests:
            self.sums += conversation_sums(digest, kinds)
            stronger.append(digest.stronger)
            bins.append(digest.bins)
            for cell in digest.cells:
                tier_set, *key = cell.key
                calls.setdefault(tuple(key), []).append(cell.calls)
                place = tier_set, cell.key.endpoint
                caches.setdefault(place, []).append(cell.caches)
        self.stronger: tuple[int, ...] = tuple(added([(0,) * len(Tier), *stronger]))
        """Choices that were weighed, by the tier of the stronger side."""
        self.bins = [Bin(*added(same)) for same in zip(*bins, strict=True)]
        self._calls = {key: Calls(*added(found)) for key, found in calls.items()}
        self.caches = {key: Caches(*added(found)) for key, found in caches.items()}
        """By key of the tier set, and of the name of the endpoint that served."""

    def groups(self, keys: Keys, *by: By) -> tuple[Group, ...]:
        """All calls by some of ``BY``, in order of the key; unknown keys first."""
        places = [BY.index(b) for b in by]
        found: dict[_Key, list[Calls]] = {}
        for key, calls in self._calls.items():
            found.setdefault(tuple(key[p] for p in places), []).append(calls)
        order = sorted(found, key=lambda key: [(k is not None, k) for k in key])
        return tuple(_group(keys.shown(by, k), Calls(*added(found[k]))) for k in order)

    @property
    def base(self) -> Tier | None:
        """The stronger side of most choices that were weighed; ``None``: none was."""
        return base_tier(self.stronger)

    def receipts(self, keys: Keys, tier_sets: Mapping[int, TierSet]) -> Receipts:
        """What changing models did to caches."""
        return receipts(self.caches, tier_sets, keys.names)


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
