import gzip
import json
from pathlib import Path

import pytest

from openhands_tiered_router.record.calibrate.samples import (
    IssueSample,
    Outcome,
    PromptSample,
    SampleError,
    read_samples,
    read_tasks,
)
from openhands_tiered_router.tiers import Tier


PROMPT = {"id": "p", "prompt": "hi", "tier": "simple", "lang": "en"}
ISSUE = {
    "instance_id": "i",
    "problem_statement": "It fails",
    "repo": "a/b",
    "base_commit": "0" * 40,
    "gold_patch": "never read",
    "outcomes": {"weak": [False, 0.1, 3], "strong": [True, 1.0, 5]},
}


def test_prompts_and_issues_are_told_apart(tmp_path) -> None:
    file = tmp_path / "mixed.jsonl.gz"
    with gzip.open(file, "wt") as out:
        out.write(f"{json.dumps(PROMPT)}\n\n{json.dumps(ISSUE)}\n")
    prompt, issue = read_samples(file)
    assert prompt == PromptSample(id="p", text="hi", tier=Tier.SIMPLE, language="en")
    assert isinstance(issue, IssueSample)
    assert issue.outcomes["weak"] == Outcome(False, 0.1)
    assert issue.outcomes["strong"].solved
    assert "never read" not in repr(issue)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object"),
        ('{"text": "x"}', "neither"),
        (
            json.dumps({**PROMPT, "tier": "huge"}),
            "unknown tier 'huge'",
        ),
        (
            json.dumps({**PROMPT, "prompt": None}),
            "prompt: Input should",
        ),
        (json.dumps({**ISSUE, "outcomes": {}}), "outcomes"),
        (json.dumps({**ISSUE, "outcomes": {"m": "yes"}}), "outcomes"),
        (json.dumps({**ISSUE, "repo": 3}), "repo: Input should"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, named) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text(f"{json.dumps(PROMPT)}\n{line}\n")
    with pytest.raises(SampleError) as caught:
        read_samples(file)
    assert "samples.jsonl:2" in str(caught.value)
    assert named in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x1f\x8b broken"])
def test_a_file_that_is_no_text(tmp_path, content) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_bytes(content)
    with pytest.raises(SampleError, match="samples.jsonl"):
        read_samples(file)


def test_outcomes_are_read_from_lines(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    row = {"instance_id": "a", "benchmark": "gaia", "outcomes": {"m": [True, 0.5, 3]}}
    path.write_text(json.dumps(row))
    (task,) = read_tasks(path)
    assert task.outcomes == {"m": Outcome(True, 0.5)}


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        '{"instance_id": "a", "outcomes": []}',
        '{"instance_id": "a", "outcomes": {"m": []}}',
        '{"instance_id": "a", "outcomes": {"m": ["yes", 1]}}',
        '{"instance_id": "a", "outcomes": {"m": [true, "1"]}}',
    ],
)
def test_a_line_of_another_form_is_refused_with_its_place(
    tmp_path: Path, line: str
) -> None:
    path = tmp_path / "outcomes.jsonl"
    path.write_text(line)
    with pytest.raises(SampleError, match=r"outcomes\.jsonl:1"):
        read_tasks(path)
