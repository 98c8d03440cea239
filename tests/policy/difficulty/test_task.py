import json
import threading
from typing import Any

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.difficulty.dimensions import NAMES, GraphFacts
from openhands_tiered_router.policy.difficulty.lru import Lru
from openhands_tiered_router.policy.difficulty.task import (
    TaskScorer,
    TaskScoreRule,
    task_of,
)
from openhands_tiered_router.policy.difficulty.task_weights import (
    ProfileError,
    default_weights,
    weights_of,
)
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import (
    DEFAULT_MAX_COMPLEXITY,
    Endpoint,
    Tier,
    TierSet,
)


TIERS = TierSet(tuple(Endpoint(key=str(t), tier=t, model=str(t)) for t in Tier))
SCORER = TaskScorer()
REPORT = (
    "Saving a draft twice drops the attachment\n\n"
    "`DraftStore.save` calls `_merge_parts()` on the old draft, and the second call "
    "loses `part_ids`. I would expect both calls to keep what was attached, whichever "
    "of the two backends is configured, and no warning in the log.\n"
)


def tier_of(text: str) -> Tier:
    score = SCORER.score(text).score
    return next(t for t in Tier if score <= DEFAULT_MAX_COMPLEXITY[t])


def graph(ambiguous: float, lines: int = 300) -> GraphFacts:
    return GraphFacts(
        fifth_to_first=ambiguous,
        entropy=ambiguous,
        named=ambiguous < 0.5,
        candidates=9,
        lines=lines,
        complexity=12,
        depth=3,
        best=10,
        communities=4,
        cohesion=0.5,
        dependents=7,
    )


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        "Thanks!",
        "What time zone is Lisbon in?",
        "Was ist die Hauptstadt von Australien?",
        "日本の首都はどこですか？",
        "프랑스의 수도는 어디인가요?",
        "¿Qué es un glaciar?",
        "什么是潮汐？",
        "नमस्ते",
        "مرحبا",
    ],
)
def test_greetings_and_look_ups_are_simple(text: str) -> None:
    assert tier_of(text) is Tier.SIMPLE


@pytest.mark.parametrize(
    "text",
    [
        "Prove that there are infinitely many primes of the form 4k + 3.",
        "Démontre que la racine carrée de 3 est irrationnelle.",
        "请证明任意连续函数在闭区间上有界",
        "Докажите, что сумма углов треугольника равна 180 градусам.",
        "Beweise durch Induktion, dass 2^n > n für alle n gilt.",
    ],
)
def test_proofs_need_reasoning(text: str) -> None:
    assert tier_of(text) is Tier.REASONING


@pytest.mark.parametrize(
    "text",
    [
        "Design a globally distributed rate limiter with failover, quotas, auditing "
        "and a migration plan.",
        "Entwirf eine Plattform für Krankenhäuser mit Terminplanung, Abrechnung, "
        "Datenschutz und Offline-Betrieb.",
        "设计一个港口调度平台，包括泊位分配、天气预警、计费、审计和故障转移",
    ],
)
def test_large_designs_are_complex(text: str) -> None:
    assert tier_of(text) is Tier.COMPLEX


@pytest.mark.parametrize(
    "text",
    [
        "Rename the variable author to writer.",
        "Improve the wording of this approval letter.",
        "Convert this list to a dict in Python.",
    ],
)
def test_no_substring_decides(text: str) -> None:
    """ "author" is not "auth", "improve" not "prove", "convert" not "vert"."""
    assert tier_of(text) <= Tier.MEDIUM


def test_a_long_question_is_no_look_up() -> None:
    text = "What is the best way to architect an event-sourced ledger across regions?"
    assert tier_of(text) > Tier.SIMPLE


def test_harness_text_changes_nothing() -> None:
    plain = SCORER.score("Convert this list to a dict.")
    wrapped = SCORER.score(
        "Convert this list to a dict.\n<system-reminder>Prove every theorem by "
        "induction, design a platform</system-reminder>"
    )
    assert wrapped.score == plain.score


def test_contributions_add_up() -> None:
    result = SCORER.score(REPORT)
    total = result.base + sum(d.value * d.weight for d in result.dimensions)
    assert result.score == pytest.approx(total)
    assert [d.name for d in result.dimensions] == list(NAMES)


def test_a_report_about_code_is_judged_as_one() -> None:
    assert SCORER.score(REPORT).issue_share == 1.0
    assert SCORER.score("Rename user_id in get_name()").issue_share == 0.0
    letter = "We wanted to thank you for the garden and the apples this year. " * 9
    assert SCORER.score(letter).issue_share == 0.0


def test_the_graph_moves_a_report() -> None:
    def ask(facts: GraphFacts) -> float:
        scorer = TaskScorer()
        result = scorer.score(REPORT, workspace="w", graph=lambda *_: facts)
        return result.score

    assert ask(graph(0.1)) < ask(graph(0.9))
    assert ask(graph(0.5, lines=50)) < ask(graph(0.5, lines=1_500))


def test_what_was_asked_before_changes_no_score() -> None:
    """A text is weighed once for each way of asking, and those are kept apart."""
    facts = graph(0.9)
    ways: list[dict[str, Any]] = [
        {},
        {"agent": True},
        {"workspace": "/w"},
        {"workspace": "/w", "graph": lambda *_: facts},
        {"overrides": {"request_length": 0.9}},
        {"overrides": {"turn_depth": 0.9}, "prompt_tokens": 50_000},
    ]
    known = TaskScorer()
    for way in (*ways, *reversed(ways)):
        assert known.score(REPORT, **way) == TaskScorer().score(REPORT, **way)
    assert len({known.score(REPORT, **way).score for way in ways}) >= 4


def test_the_graph_is_asked_once_a_text() -> None:
    asked = []

    def source(workspace: str, text: str) -> GraphFacts:
        asked.append(workspace)
        return graph(0.5)

    scorer = TaskScorer()
    for _ in range(3):
        scorer.score(REPORT, workspace="a", graph=source)
    scorer.score(REPORT, workspace="b", graph=source)
    assert asked == ["a", "b"]


def test_a_graph_that_is_not_there_yet_is_asked_again() -> None:
    answers = iter([None, graph(0.9)])
    scorer = TaskScorer()
    first = scorer.score(REPORT, workspace="a", graph=lambda *_: next(answers))
    second = scorer.score(REPORT, workspace="a", graph=lambda *_: next(answers))
    assert first.dimensions[-1].evidence == "no code graph"
    assert second.dimensions[-1].evidence == "7 dependents"


@given(st.text(max_size=300))
def test_any_text_has_a_score(text: str) -> None:
    result = SCORER.score(text)
    assert 0.0 <= result.score <= 1.0
    assert SCORER.score(text) == result


@given(st.sampled_from(NAMES), st.floats(0, 5), st.floats(0, 5))
def test_a_heavier_dimension_never_lowers_the_score(
    name: str, a: float, b: float
) -> None:
    low, high = sorted((a, b))
    light = SCORER.score(REPORT, overrides={name: low})
    assert light.score <= SCORER.score(REPORT, overrides={name: high}).score


@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_a_fuller_context_never_lowers_the_score(a: int, b: int) -> None:
    low, high = sorted((a, b))
    emptier = SCORER.score(REPORT, prompt_tokens=low)
    assert emptier.score <= SCORER.score(REPORT, prompt_tokens=high).score


def decide(text: str, purpose: Purpose, policy: Policy | None = None):
    session = SessionState().fold([Entry(role="user", text=text)])
    request = RoutingRequest(session_id=None, purpose=purpose, prompt_tokens=10)
    return Engine(TIERS, RULES, policy or Policy()).decide(request, session, now=0.0)


def test_a_single_call_goes_by_its_score() -> None:
    assert decide("hi", Purpose.SINGLE).tier is Tier.SIMPLE
    proof = decide("Prove that 2 is the only even prime.", Purpose.SINGLE)
    assert proof.tier is Tier.REASONING
    assert len(proof.dimensions) == 15
    assert any(reason.rule == "task_score" for reason in proof.reasons)


def test_a_turn_is_not_lowered_by_its_score() -> None:
    decision = decide("hi", Purpose.TURN)
    assert decision.score < DEFAULT_MAX_COMPLEXITY[Tier.SIMPLE]
    assert decision.required is Policy().base_tier


def test_weights_can_be_set() -> None:
    policy = Policy(dimension_weights={"request_length": 5.0})
    assert decide("What is a fjord?", Purpose.SINGLE, policy).tier is Tier.REASONING


def test_a_mere_reply_leaves_the_task() -> None:
    task = "Prove that there are infinitely many primes."
    first, reply = Entry(role="user", text=task), Entry(role="user", text="yes, go on")
    assert task_of(SessionState().fold([first, reply])) == task
    other = Entry(role="user", text="Now translate the summary into French, please.")
    assert task_of(SessionState().fold([first, other])) == other.text


def test_memory_is_bounded_under_threads() -> None:
    lru: Lru[int] = Lru(8)
    threads = [
        threading.Thread(target=lambda n=n: [lru.put((n, i), i) for i in range(500)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lru) == 8


def test_rule_without_a_graph_asks_none() -> None:
    assert TaskScoreRule().graph is None


def test_shipped_weights_are_complete() -> None:
    weights = default_weights()
    for head in (weights.prompt, weights.issue):
        assert set(head.weights) == set(NAMES)


def shipped() -> dict:
    from importlib.resources import files

    source = files("openhands_tiered_router.policy.difficulty") / "data" / "task.json"
    return json.loads(source.read_text("utf-8"))


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("format",), 99, "format"),
        (("prompt",), None, "prompt"),
        (("prompt", "base"), "x", "prompt.base"),
        (("issue", "weights", "breadth"), -1, "weights.breadth"),
        (("issue", "weights", "breadth"), float("nan"), "weights.breadth"),
        (("neutral", "blast_radius"), 2, "neutral.blast_radius"),
        (("neutral", "other"), 0.5, "other"),
        (("cues", "breadth"), [], "cues"),
    ],
)
def test_a_bad_profile_is_named(path, value, named) -> None:
    content = shipped()
    *parents, last = path
    inner = content
    for key in parents:
        inner = inner[key]
    inner[last] = value
    with pytest.raises(ProfileError) as caught:
        weights_of(content, "profile.json")
    assert "profile.json" in str(caught.value)
    assert named in str(caught.value)
