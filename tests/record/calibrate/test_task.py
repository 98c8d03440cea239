import random
import subprocess
from pathlib import Path

import pytest

from openhands_tiered_router.policy.difficulty.task_weights import (
    default_weights,
    weights_of,
)
from openhands_tiered_router.record.calibrate.issue_graphs import (
    find_commits,
    graphs_of,
)
from openhands_tiered_router.record.calibrate.samples import (
    IssueSample,
    Outcome,
    PromptSample,
    SampleError,
)
from openhands_tiered_router.record.calibrate.task import calibrate_task
from openhands_tiered_router.tiers import Tier


pytest.importorskip("sklearn")

LETTERS = "abcdefghijklmnop"
WORDS = [
    "river",
    "stone",
    "window",
    "market",
    "candle",
    "engine",
    "ladder",
    "copper",
    "winter",
    "garden",
]
TEMPLATES = {
    Tier.SIMPLE: "What is a {}?",
    Tier.MEDIUM: "Write a short story about the {} and the {}",
    Tier.COMPLEX: "Design a {} platform with {}, {}, alerts, billing, audit, failover",
    Tier.REASONING: "Prove by induction that the {} lemma holds for every {}",
}


def prompts(count: int) -> list[PromptSample]:
    draw = random.Random(1)
    tiers = [draw.choice(list(Tier)) for _ in range(count)]
    return [
        PromptSample(
            id=str(i),
            text=TEMPLATES[t].format(
                *("".join(draw.choices(LETTERS, k=14)) for _ in "abc")
            ),
            tier=t,
            language="en",
        )
        for i, t in enumerate(tiers)
    ]


def issues(count: int, *, length_matters: bool) -> list[IssueSample]:
    draw = random.Random(2)
    found = []
    for i in range(count):
        words = draw.randint(20, 400)
        hard = draw.random() < (words / 400 if length_matters else 0.5)
        found.append(
            IssueSample(
                id=str(i),
                text=" ".join(draw.choices(WORDS, k=words)),
                repository=f"owner/{i % 4}",
                commit="0" * 40,
                outcomes={"a": Outcome(not hard), "b": Outcome(draw.random() < 0.5)},
            )
        )
    return found


@pytest.fixture(scope="module")
def fitted():
    samples = [*prompts(160), *issues(120, length_matters=True)]
    return calibrate_task(samples, default_weights())


def test_templates_are_learned(fitted) -> None:
    assert fitted.prompts["in sample"].exact.value > 0.9


def test_figures_have_intervals(fitted) -> None:
    for figure in (fitted.prompts["held-out templates"].exact, *fitted.issues.values()):
        assert figure.low <= figure.value <= figure.high


def test_a_signal_is_found_across_repositories(fitted) -> None:
    assert fitted.issues["text only"].value > 0.55


def test_without_graphs_none_is_claimed(fitted) -> None:
    assert set(fitted.issues) == {"text only"}
    assert fitted.profile["fit"]["issues"]["with_graph"] == 0


def test_the_profile_can_be_loaded_and_holds_no_text(fitted) -> None:
    assert weights_of(fitted.profile, "here").prompt.weights
    assert "candle" not in str(fitted.profile)


@pytest.mark.slow
def test_the_same_samples_give_the_same_profile(fitted) -> None:
    samples = [*prompts(160), *issues(120, length_matters=True)]
    again = calibrate_task(samples, default_weights())
    assert again.profile == fitted.profile


def test_what_is_not_in_the_samples_stays() -> None:
    current = default_weights()
    samples = issues(80, length_matters=False)
    profile = calibrate_task(samples, current).profile
    assert profile["prompt"]["weights"] == current.prompt.weights
    assert profile["prompt"]["base"] == current.prompt.base


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(SampleError, match="12 prompts are too few"):
        calibrate_task(prompts(12), default_weights())


@pytest.fixture
def clone(tmp_path: Path) -> tuple[Path, list[str]]:
    """A repository of two commits, and their hashes."""
    root = tmp_path / "clones" / "project"
    root.mkdir(parents=True)

    def git(*arguments: str) -> str:
        options = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        done = subprocess.run(
            ["git", *options, *arguments],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    git("init", "-q")
    commits = []
    for lines in (1, 300):
        body = "    x = 1\n" * lines
        (root / "parser.py").write_text(f"def parse_header(line):\n{body}")
        git("add", ".")
        git("commit", "-q", "-m", "c")
        commits.append(git("rev-parse", "HEAD"))
    return root.parent, commits


def test_each_issue_sees_its_own_commit(clone) -> None:
    clones, commits = clone
    samples = [
        IssueSample(
            id=f"i{n}",
            text="parse_header() in parser.py fails",
            repository="o/project",
            commit=commit,
            outcomes={"m": Outcome(False)},
        )
        for n, commit in enumerate([*commits, "f" * 40])
    ]
    assert set(find_commits(clones, [s.commit for s in samples])) == set(commits)
    asked: list[str] = []
    head = (clones / "project" / ".git" / "HEAD").read_text()
    found = graphs_of(samples, clones, asked.append)
    assert found["i1"].lines - found["i0"].lines == 299
    assert found["i0"].named
    assert asked == ["i0", "i1"]
    assert (clones / "project" / ".git" / "HEAD").read_text() == head


def test_a_large_file_that_a_partial_clone_lacks_is_done_without(
    clone, tmp_path
) -> None:
    clones, commits = clone
    root = clones / "project"
    (root / "table.dat").write_text("large")
    (root / "parser.py").write_text("def parse_header(line):\n" + "    y = 2\n" * 40)
    for arguments in (["add", "."], ["commit", "-q", "-m", "c"]):
        options = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *options, *arguments], cwd=root, check=True)
    answer = subprocess.run(
        ["git", "rev-parse", "HEAD", "HEAD:table.dat"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    head, blob = answer.stdout.split()
    (root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    samples = [
        IssueSample(
            id=f"i{n}",
            text="parse_header() in parser.py fails",
            repository="o/project",
            commit=commit,
            outcomes={"m": Outcome(False)},
        )
        for n, commit in enumerate([commits[0], head, commits[1]])
    ]
    found = graphs_of(samples, clones, lambda _: None)
    lines = [found[f"i{n}"].lines for n in range(3)]
    assert [n - lines[0] for n in lines] == [0, 39, 299]
