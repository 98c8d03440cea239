import gzip
import json

import pytest

from openhands_tiered_router.record.calibrate.samples import (
    IssueSample,
    PromptSample,
    SampleError,
    read_samples,
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
    assert issue.failed == {"weak": True, "strong": False}
    assert "never read" not in repr(issue)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "is no JSON"),
        ("[]", "expected an object"),
        ('{"text": "x"}', "neither"),
        (json.dumps({**PROMPT, "tier": "huge"}), "tier: unknown tier 'huge'"),
        (json.dumps({**PROMPT, "prompt": None}), "prompt: expected text"),
        (json.dumps({**ISSUE, "outcomes": {}}), "outcomes"),
        (json.dumps({**ISSUE, "outcomes": {"m": "yes"}}), "outcomes"),
        (json.dumps({**ISSUE, "repo": 3}), "repo: expected text"),
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
