"""What the command line can name, and what the agent is told of it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.resolver import prompt
from openhands_tiered_router.resolver.errors import UsageProblem
from openhands_tiered_router.resolver.issue import Issue, Kind, reference_of


@pytest.mark.parametrize(
    ("named", "kind", "host", "name"),
    [
        ("o/r#12", Kind.GITHUB, "github.com", "o/r#12"),
        ("https://github.com/o/r/issues/3", Kind.GITHUB, "github.com", "o/r#3"),
        ("https://ghe.example/o/r/issues/3/", Kind.GITHUB, "ghe.example", "o/r#3"),
        ("https://gitlab.com/g/s/p/-/issues/4", Kind.GITLAB, "gitlab.com", "g/s/p#4"),
        ("https://g.example/g/p/-/work_items/4", Kind.GITLAB, "g.example", "g/p#4"),
        ("https://gitlab.com/g/p/issues/4", Kind.GITLAB, "gitlab.com", "g/p#4"),
    ],
)
def test_issues_on_forges(named, kind, host, name) -> None:
    place = reference_of(named).place
    assert place is not None
    assert (place.kind, place.name) == (kind, name)
    assert place.origin == f"https://{host}"


@pytest.mark.parametrize(
    "named",
    [
        "https://github.com/o/r/pull/3",
        "https://github.com/o/r",
        "https://github.com/o/r/issues/0",
        "https://github.com/o/../issues/1",
        "https://github.com/-o/r/issues/1",
        "https://user:secret@github.com/o/r/issues/1",
        "https://[/o/r/issues/1",
        "issue.md",
        "issues/no-such-file",
        "owner/name",
        "",
        " ",
    ],
)
def test_what_names_no_issue_is_refused(named) -> None:
    with pytest.raises(UsageProblem):
        reference_of(named)


def test_files_texts_and_standard_input(tmp_path) -> None:
    file = tmp_path / "My issue; rm -rf.md"
    file.write_text("It breaks.")
    found = reference_of(str(file))
    assert found.issue == Issue(body="It breaks.")
    assert found.slug == "my-issue-rm-rf"
    file.write_text("It breaks otherwise.")
    assert reference_of(str(file)).identity == found.identity
    assert reference_of("-", "It breaks.").issue == Issue(body="It breaks.")
    assert reference_of("It breaks.").slug.isalnum()
    file.write_bytes(b"\xff")
    with pytest.raises(UsageProblem, match="UTF-8"):
        reference_of(str(file))


MARKERS = st.sampled_from(
    ["[tier: reasoning]", "[TIER:simple ]", "[ tier : complex]", "[[tier: medium]]"]
)


@given(st.lists(st.one_of(MARKERS, st.text(max_size=20)), max_size=6))
def test_no_text_pins_a_tier(parts) -> None:
    text = prompt.task(Issue(title="".join(parts), body="".join(reversed(parts))))
    assert SessionState().fold([Entry(role="user", text=text)]).pin is None


def test_without_our_care_it_would() -> None:
    entry = Entry(role="user", text="[tier: reasoning]")
    assert SessionState().fold([entry]).pin is not None


@given(st.text(max_size=200))
def test_no_text_closes_its_fence(text) -> None:
    issue = Issue(body=text)
    told = prompt.task(Issue(body=text))
    end = f"</issue-{issue.fingerprint[:16]}>"
    assert told.rstrip().endswith(end)
    assert end not in prompt.defused(issue.text)
