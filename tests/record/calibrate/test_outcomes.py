"""From outcomes by instance to the table of models."""

from __future__ import annotations

import random

import pytest

from openhands_tiered_router.policy.value.table import Work, table_of
from openhands_tiered_router.record.calibrate.outcomes import table_json
from openhands_tiered_router.record.calibrate.samples import Outcome, Task


pytest.importorskip("sklearn")


def rasch(sigma: float, growth: float, count: int = 600) -> list[Task]:
    """Tasks whose outcomes follow the model that is to be found again."""
    rng = random.Random(1)
    abilities = {f"m{i}": i - 3.0 for i in range(8)}
    tasks = []
    for number in range(count):
        d = rng.gauss(0, 1)
        outcomes = {
            m: Outcome(
                rng.random() < 1 / (1 + 2.718281828 ** (sigma * d - a)),
                2.718281828 ** (growth * d + rng.gauss(0, 0.1)),
            )
            for m, a in abilities.items()
        }
        tasks.append(Task(str(number), "swe-bench", outcomes))
    return tasks


def test_a_table_counts_what_each_model_solved_and_spent() -> None:
    tasks = [
        Task("a", "gaia", {"m": Outcome(True, 1.0), "n": Outcome(False, None)}),
        Task("b", "gaia", {"m": Outcome(False, 3.0)}),
        Task("c", "unheard-of", {"m": Outcome(True, 1.0)}),
    ]
    found = table_json(tasks, "a test")
    assert found["models"] == {
        "m": {"research": [2, 1, 2.0]},
        "n": {"research": [1, 0, None]},
    }
    assert found["works"]["research"]["tasks"] == 2
    assert found["works"]["research"]["sigma"] is None


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_how_tasks_differ_is_found_again(sigma: float) -> None:
    table = table_of(table_json(rasch(sigma, growth=0.4), "x"))
    spread = table.spread(Work.BUGS)
    assert spread.sigma == pytest.approx(sigma, abs=0.5)
    # What is seen of a difficulty is blurred, which flattens or steepens the slope.
    assert spread.growth == pytest.approx(0.4, abs=0.15)
