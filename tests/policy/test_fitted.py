from __future__ import annotations

import contextlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.config import ConfigError, load_config, policy_of
from openhands_tiered_router.policy.difficulty.next_turn_features import NAMES
from openhands_tiered_router.policy.difficulty.task import TaskScoreRule
from openhands_tiered_router.policy.difficulty.task_weights import default_weights
from openhands_tiered_router.policy.fitted import (
    FittedError,
    fitted_of,
    load_fitted,
    models_of,
)
from openhands_tiered_router.policy.rules import RULES, NextTurn, standard_rules
from openhands_tiered_router.policy.session import SessionState, Turn


LEAF = {"feature": [-1], "threshold": [0.9], "right": [0]}


def model(*trees: dict[str, Any]) -> dict[str, Any]:
    known = {"slope": 1, "habit": 0, "intercept": 0}
    file = {"features": list(NAMES), "known": known, "unknown": None, "agents": []}
    return {**file, "trees": trees}


def fitted(**parts: Any) -> dict[str, Any]:
    return {"fitted": 1, **parts}


def test_fitted_models_take_the_place_of_the_packages() -> None:
    source = files("openhands_tiered_router.policy.difficulty.data").joinpath(
        "task.json"
    )
    task = json.loads(source.read_text("utf-8"))
    task["prompt"]["base"] = 0.5
    found = fitted_of(fitted(task=task, next_turn=model(LEAF)), "x")
    rules = standard_rules(**models_of(found))
    assert len(rules) == len(RULES)
    [turn] = [r for r in rules if isinstance(r, NextTurn)]
    assert turn.model is not None
    state = SessionState(recent=(Turn(actions=()),), since_user=1)
    assert turn.model.probability(state) == pytest.approx(0.9)
    [score] = [r for r in rules if isinstance(r, TaskScoreRule)]
    assert score.scorer.weights.prompt.base == 0.5
    assert default_weights().prompt.base != 0.5
    assert models_of(None) == {}
    assert models_of(fitted_of(fitted(), "x")) == {"scorer": None, "next_turn": None}


LOOP = {"feature": [0, -1, -1], "threshold": [0, 0.1, 0.9], "right": [0, 0, 0]}
OUT = {"feature": [999, -1, -1], "threshold": [0, 0.1, 0.9], "right": [2, 0, 0]}
SHORT = {"feature": [0, -1], "threshold": [0], "right": [5, 0]}


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ([], "fitted"),
        ({"fitted": 9}, "format 1"),
        (fitted(task={"format": 1}), "prompt"),
        (fitted(next_turn=[]), "next_turn"),
        (fitted(next_turn=model(LOOP)), "trees"),
        (fitted(next_turn=model(OUT)), "trees"),
        (fitted(next_turn=model(SHORT)), "trees"),
        (fitted(next_turn=model()), "trees"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(raw: Any, named: str) -> None:
    with pytest.raises(FittedError, match=named):
        fitted_of(raw, "my.json")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["task", "next_turn", "features", "trees", "prompt"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["task", "next_turn"]), json_values))
def test_any_json_is_either_used_or_refused(parts: dict[str, Any]) -> None:
    with contextlib.suppress(FittedError):
        assert set(models_of(fitted_of(fitted(**parts), "x"))) == {
            "scorer",
            "next_turn",
        }


def config(tmp_path: Path, policy: str) -> Path:
    path = tmp_path / "router.toml"
    path.write_text(f'[tiers]\nsimple = "a/b"\n[policy]\n{policy}\n')
    return path


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"policy\.fitted: cannot be used: .*gone"):
        policy_of(load_config(config(tmp_path, 'fitted = "gone.json"')))


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    for sessions in (8, 800):
        file.write_text(json.dumps(fitted(evidence={"task": sessions})))
        assert load_fitted(file).evidence == {"task": sessions}
