from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.loopback.metering import (
    MINIMUM_PREFIX,
    OPENAI_INCREMENT,
    Block,
    Metered,
    PromptCache,
    count_tokens,
    price,
    serialise,
)
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.tiers import LongContextPrices, Prices


PRICES = Prices(input=3e-6, output=15e-6, cache_read=0.3e-6, cache_write=3.75e-6)
LONG = "x" * 4 * MINIMUM_PREFIX
"""A block that is just long enough to be cached."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> PromptCache:
    return PromptCache(300.0, clock)


def test_tokens_are_a_quarter_of_the_characters_rounded_up() -> None:
    assert [count_tokens("x" * n) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_serialising_ignores_order_and_cache_markers() -> None:
    marked = [{"b": 1, "a": [{"cache_control": {"type": "ephemeral"}, "c": 2}]}]
    assert serialise(marked) == serialise([{"a": [{"c": 2}], "b": 1}])


def test_automatic_cache_reads_what_an_earlier_prompt_began_with(
    cache: PromptCache,
) -> None:
    first = cache.automatic("m", [Block(LONG), Block("tail")])
    second = cache.automatic("m", [Block(LONG), Block("other")])
    assert first.usage.cache_read == 0
    assert second.usage.cache_read == MINIMUM_PREFIX
    assert second.usage.prompt == MINIMUM_PREFIX + 2
    assert second.usage.cache_write == 0


def test_a_changed_first_block_reads_nothing(cache: PromptCache) -> None:
    cache.automatic("m", [Block("a"), Block(LONG)])
    assert cache.automatic("m", [Block("b"), Block(LONG)]).usage.cache_read == 0


def test_each_model_has_its_own_cache(cache: PromptCache) -> None:
    cache.automatic("m", [Block(LONG)])
    assert cache.automatic("n", [Block(LONG)]).usage.cache_read == 0


def test_a_prefix_lives_for_its_ttl_after_the_last_use(
    cache: PromptCache, clock: Clock
) -> None:
    cache.automatic("m", [Block(LONG)])
    for now, read in ((300, MINIMUM_PREFIX), (600, MINIMUM_PREFIX), (901, 0)):
        clock.now = now
        assert cache.automatic("m", [Block(LONG)]).usage.cache_read == read


def test_explicit_cache_writes_only_up_to_the_last_breakpoint(
    cache: PromptCache,
) -> None:
    blocks = [Block(LONG, "5m"), Block("tail")]
    first, second = cache.explicit("m", blocks), cache.explicit("m", blocks)
    assert first.usage == Usage(prompt=MINIMUM_PREFIX + 1, cache_write=MINIMUM_PREFIX)
    assert second.usage == Usage(prompt=MINIMUM_PREFIX + 1, cache_read=MINIMUM_PREFIX)


def test_explicit_cache_writes_what_is_new_behind_what_it_read(
    cache: PromptCache,
) -> None:
    cache.explicit("m", [Block(LONG, "5m")])
    grown = cache.explicit("m", [Block(LONG), Block("four" * 7, "5m")])
    assert (grown.usage.cache_read, grown.usage.cache_write) == (MINIMUM_PREFIX, 7)


def test_explicit_cache_looks_back_twenty_blocks(cache: PromptCache) -> None:
    cache.explicit("m", [Block(LONG, "5m")])

    def read(blocks_behind: int) -> int:
        tail = [Block(f"t{i}") for i in range(blocks_behind - 1)]
        blocks = [Block(LONG), *tail, Block(f"end {blocks_behind}", "5m")]
        return cache.explicit("m", blocks).usage.cache_read

    assert read(20) == 0
    assert read(19) == MINIMUM_PREFIX


def test_without_a_breakpoint_or_below_the_minimum_nothing_is_cached(
    cache: PromptCache,
) -> None:
    for block in (Block(LONG), Block(LONG[4:], "5m")):
        for _ in range(2):
            usage = cache.explicit("m", [block]).usage
            assert (usage.cache_read, usage.cache_write) == (0, 0)


def test_an_hour_is_written_apart_and_lasts_an_hour(
    cache: PromptCache, clock: Clock
) -> None:
    blocks = [Block(LONG, "1h"), Block("more" * 5, "5m")]
    first = cache.explicit("m", blocks)
    assert (first.usage.cache_write, first.write_1h) == (
        MINIMUM_PREFIX + 5,
        MINIMUM_PREFIX,
    )
    clock.now = 3000
    again = cache.explicit("m", blocks)
    assert (again.usage.cache_read, again.usage.cache_write) == (MINIMUM_PREFIX, 5)


def test_what_is_there_keeps_the_lifetime_that_it_was_bought_with(
    cache: PromptCache, clock: Clock
) -> None:
    cache.explicit("m", [Block(LONG, "5m")])
    again = cache.explicit("m", [Block(LONG, "1h")])
    assert (again.usage.cache_read, again.write_1h) == (MINIMUM_PREFIX, 0)
    clock.now = 301
    assert cache.explicit("m", [Block(LONG, "5m")]).usage.cache_read == 0


@given(
    st.lists(st.lists(st.sampled_from([LONG, "a", "bb" * 60]), max_size=6), max_size=8)
)
def test_automatic_reads_never_exceed_the_true_common_prefix(
    prompts: list[list[str]],
) -> None:
    cache = PromptCache(300.0, Clock())
    seen: list[list[str]] = []
    for prompt in prompts:
        usage = cache.automatic("m", [Block(t) for t in prompt]).usage
        common = max((_common_tokens(prompt, old) for old in seen), default=0)
        expected = common // OPENAI_INCREMENT * OPENAI_INCREMENT
        assert usage.cache_read == (expected if expected >= MINIMUM_PREFIX else 0)
        seen.append(prompt)


def _common_tokens(one: list[str], other: list[str]) -> int:
    tokens = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        tokens += count_tokens(a)
    return tokens


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from([LONG, "a", "bb"]), st.sampled_from([None, "5m", "1h"])
            ),
            max_size=5,
        ),
        max_size=6,
    )
)
def test_explicit_usage_adds_up(prompts: list[list[tuple[str, str | None]]]) -> None:
    cache = PromptCache(300.0, Clock())
    for prompt in prompts:
        metered = cache.explicit("m", [Block(*b) for b in prompt])
        usage = metered.usage
        assert usage.prompt == sum(count_tokens(text) for text, _ in prompt)
        assert usage.cache_read + usage.cache_write <= usage.prompt
        assert 0 <= metered.write_1h <= usage.cache_write


def test_each_kind_of_token_has_its_price() -> None:
    usage = Usage(prompt=1000, completion=10, cache_read=600, cache_write=300)
    expected = 100 * 3e-6 + 600 * 0.3e-6 + 300 * 3.75e-6 + 10 * 15e-6
    assert price(Metered(usage), PRICES) == pytest.approx(expected, rel=1e-12)


def test_hour_long_writes_cost_their_own_price() -> None:
    usage = Usage(prompt=300, cache_write=300)
    dearer = replace(PRICES, cache_write_1h=6e-6)
    expected = 100 * 6e-6 + 200 * 3.75e-6
    assert price(Metered(usage, 100), dearer) == pytest.approx(expected, rel=1e-12)


def test_a_long_prompt_is_charged_at_long_prices_as_a_whole() -> None:
    long = LongContextPrices(
        above=1000, input=6e-6, output=22.5e-6, cache_read=0.6e-6, cache_write=7.5e-6
    )
    prices = replace(PRICES, long_context=long)
    at, above = Usage(prompt=1000, completion=1), Usage(prompt=1001, completion=1)
    assert price(Metered(at), prices) == pytest.approx(1000 * 3e-6 + 15e-6)
    assert price(Metered(above), prices) == pytest.approx(1001 * 6e-6 + 22.5e-6)
