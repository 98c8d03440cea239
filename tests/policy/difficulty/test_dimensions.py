from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.actions import Action
from openhands_tiered_router.policy.difficulty import dimensions as d
from openhands_tiered_router.policy.difficulty.graph_facts import names_file
from openhands_tiered_router.policy.difficulty.task_weights import default_weights
from openhands_tiered_router.policy.difficulty.text import user_text
from openhands_tiered_router.policy.difficulty.text_cues import cues_of
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.session import SessionState, Turn


FACTS = d.GraphFacts(
    fifth_to_first=0.5,
    entropy=0.5,
    named=False,
    candidates=5,
    lines=200,
    complexity=10,
    depth=4,
    best=10,
    communities=3,
    cohesion=0.5,
    dependents=20,
)


def read(message: str) -> d.TextInput:
    text = user_text(message)
    cues = default_weights().cues
    return d.TextInput(
        text=text,
        cues=cues_of(text),
        openness=cues["question_ambiguity"],
        breadth=cues["breadth"],
        reasoning=cues["reasoning_cues"],
    )


def conversation(*turns: Turn, tokens: int = 0) -> d.ConversationInput:
    session = SessionState(recent=turns, turns=len(turns))
    return d.ConversationInput(session, tokens, 1_000)


def turn(kind: ActionKind, failed: bool) -> Turn:
    action = Action(kind=kind, tool="t", call_id="1", signature=0, failed=failed)
    return Turn(actions=(action,))


def test_there_are_fifteen() -> None:
    assert len(d.NAMES) == len(set(d.NAMES)) == 15


def test_failures_count_from_the_end() -> None:
    good, bad = turn(ActionKind.TEST, False), turn(ActionKind.TEST, True)
    assert d.recent_failures(conversation(bad, bad, good)).value == 0
    two = d.recent_failures(conversation(good, bad, bad))
    assert two.value == pytest.approx(2 / 3)
    assert two.evidence == "2 failures in a row"


def test_tool_history_is_the_share_of_hard_turns() -> None:
    look, edit = turn(ActionKind.READ, False), turn(ActionKind.EDIT, False)
    assert d.tool_history(conversation()).value == 0
    assert d.tool_history(conversation(look, edit, look, look)).value == 0.25


def test_context_fill_is_a_share() -> None:
    assert d.context_fill(conversation(tokens=250)).value == 0.25
    assert d.context_fill(conversation(tokens=9_999)).value == 1.0


def test_proofs_and_platforms_differ_in_kind() -> None:
    proof = read("Prove by induction that every tree has one edge fewer than vertices.")
    platform = read(
        "Design a logistics platform with routing, pricing, tracking, alerts and audit."
    )
    assert d.reasoning_cues(proof).value > 0.9 > 0.1 > d.reasoning_cues(platform).value
    assert d.breadth(platform).value > 0.9


@pytest.mark.parametrize(
    "message",
    [
        "Summarise this note: 'tea, milk, eggs, and jam'",
        "Sort these words: tea, milk, eggs, jam",
    ],
)
def test_a_text_to_work_on_is_no_list_of_parts(message: str) -> None:
    cues = cues_of(user_text(message))
    assert cues.values["data"] == 1.0
    listed = cues_of(user_text("Build a shop with search, carts, payment, reviews"))
    assert cues.values["parts"] < listed.values["parts"]
    assert listed.values["data"] == 0.0


def test_reviewing_everything_is_more_than_reviewing_one_thing() -> None:
    small = cues_of(user_text("Review this function"))
    large = cues_of(user_text("Review the locks across all services"))
    assert "reworks" in large.values
    assert "reworks" not in small.values


def test_words_count_alike_in_scripts_with_and_without_spaces() -> None:
    # "Explain how this cache works", each.
    found = [
        cues_of(user_text(text)).values["words"]
        for text in ("이 캐시가 어떻게 작동하는지 설명해", "解释这个缓存是如何工作的")
    ]
    assert abs(found[0] - found[1]) < 0.1


def test_evidence_holds_none_of_the_users_words() -> None:
    x = read("Prove zanzibarite equals quokkanium, without kumquatology, or explain")
    for f in d.TEXT_SIGNALS.values():
        evidence = f(x).evidence
        for word in ("zanzibarite", "quokkanium", "kumquatology"):
            assert word not in evidence


def test_a_named_file_is_clearer() -> None:
    unclear = d.localisation_ambiguity(FACTS)
    clear = d.localisation_ambiguity(replace(FACTS, named=True))
    assert clear.value == pytest.approx(unclear.value - 1 / 3)


@pytest.mark.parametrize(
    ("text", "path", "named"),
    [
        ("see src/app/parser.py", "src/app/parser.py", True),
        ("app.parser fails", "src/app/parser.py", True),
        ("the parser fails", "src/app/parser.py", False),
        ("__init__.py", "src/app/__init__.py", False),
        ("src.app is slow", "src/app/__init__.py", True),
    ],
)
def test_names_file(text: str, path: str, named: bool) -> None:
    assert names_file(text, path) is named


SHARE = st.floats(0, 1)
COUNT = st.integers(0, 10**6)


@given(
    st.builds(
        d.GraphFacts,
        fifth_to_first=SHARE,
        entropy=SHARE,
        named=st.booleans(),
        candidates=COUNT,
        lines=COUNT,
        complexity=COUNT,
        depth=COUNT,
        best=st.integers(0, 10),
        communities=COUNT,
        cohesion=SHARE,
        dependents=COUNT,
    )
)
def test_graph_signals_stay_in_range(facts: d.GraphFacts) -> None:
    for f in d.GRAPH_SIGNALS.values():
        assert 0.0 <= f(facts).value <= 1.0


@given(st.text(max_size=300))
def test_text_signals_stay_in_range(message: str) -> None:
    x = read(message)
    for f in d.TEXT_SIGNALS.values():
        assert 0.0 <= f(x).value <= 1.0


@given(COUNT, COUNT)
def test_a_wider_blast_never_counts_for_less(a: int, b: int) -> None:
    low, high = sorted((a, b))
    narrow = d.blast_radius(replace(FACTS, dependents=low))
    assert narrow.value <= d.blast_radius(replace(FACTS, dependents=high)).value
