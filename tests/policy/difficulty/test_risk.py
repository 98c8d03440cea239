"""Risky files are found by the user's globs and by what a graph says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from openhands_tiered_router.graph.signals import TouchSignals
from openhands_tiered_router.policy.difficulty.risk import files_at_hand, risk
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import SessionState


def seen(
    risk: float,
    hubs: tuple[str, ...] = (),
    untested: tuple[str, ...] = (),
    dependents: int = 0,
) -> TouchSignals:
    return TouchSignals(
        risk=risk,
        hubs=hubs,
        untested=untested,
        dependents=dependents,
    )


@dataclass
class Graph:
    answer: TouchSignals | None
    asked: list[str] = field(default_factory=list)

    def touch_signals(self, paths: Iterable[str]) -> TouchSignals | None:
        self.asked = list(paths)
        return self.answer


def viewing(path: str) -> SessionState:
    arguments = f'{{"command": "view", "path": "{path}"}}'
    call = ToolCall("1", "file_editor", arguments)
    return SessionState().fold([Entry(role="assistant", calls=(call,))])


def test_glob_fits_a_path_or_its_end() -> None:
    policy = Policy(risky_paths=("migrations/*", "*.sql"))
    assert risk(viewing("/w/app/migrations/001.py"), policy, "/w")
    assert risk(viewing("schema.sql"), policy)
    assert risk(viewing("app/models.py"), policy) is None


def test_graph_is_asked_for_paths_below_the_workspace() -> None:
    graph = Graph(seen(risk=0.9, hubs=("a/core.py",), dependents=40))
    why = risk(viewing("/w/a/core.py"), Policy(), "/w", graph)
    assert graph.asked == ["a/core.py"]
    assert why == "a/core.py is a hub; 40 files depend on it"


def test_small_risk_and_no_graph_raise_nothing() -> None:
    state = viewing("/w/a/core.py")
    assert risk(state, Policy(), "/w", Graph(seen(risk=0.5))) is None
    assert risk(state, Policy(), "/w", Graph(None)) is None
    assert risk(state, Policy(), "/w") is None


def test_untested_file_is_named() -> None:
    graph = Graph(seen(risk=0.85, untested=("a.py",)))
    assert risk(viewing("a.py"), Policy(), None, graph) == "no test reaches a.py"


def test_only_the_last_turns_files_are_at_hand() -> None:
    state = SessionState()
    for n in range(6):
        call = ToolCall(str(n), "terminal", f'{{"command": "cat src/f{n}.py"}}')
        state = state.fold([Entry(role="assistant", calls=(call,))])
    assert files_at_hand(state) == ["src/f5.py", "src/f4.py", "src/f3.py", "src/f2.py"]
