"""What scoring a task costs.

uv run pytest -n 0 tests/benchmarks/test_task_score.py
"""

import random

import pytest

from openhands_tiered_router.policy.difficulty.task import TaskScorer


pytest.importorskip("pytest_benchmark")

SENTENCE = (
    "the parser drops header lines when a draft is saved twice and read_header() "
    "returns None instead of raising ParseError so callers see an empty body"
)


def text(seed: int, length: int) -> str:
    words = random.Random(seed).choices(SENTENCE.split(), k=length // 4)
    return " ".join(words)[:length]


def test_first_look_at_2000_characters(benchmark) -> None:
    texts = [text(seed, 2_000) for seed in range(1_000)]
    scorer = TaskScorer()
    scorer.score("")
    pending = iter(texts * 100)
    result = benchmark.pedantic(
        lambda: TaskScorer().score(next(pending)), rounds=500, warmup_rounds=20
    )
    assert 0 < result.score < 1


def test_later_turns_on_the_same_text(benchmark) -> None:
    scorer, same = TaskScorer(), text(0, 2_000)
    scorer.score(same)
    result = benchmark.pedantic(lambda: scorer.score(same), rounds=500)
    assert 0 < result.score < 1


def test_a_megabyte(benchmark) -> None:
    huge = text(1, 1_000_000)
    result = benchmark.pedantic(lambda: TaskScorer().score(huge), rounds=30)
    assert 0 < result.score <= 1
