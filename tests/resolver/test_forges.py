"""Issues, tokens and requests on both forges."""

from __future__ import annotations

import pytest

from openhands_tiered_router.resolver.errors import UsageProblem
from openhands_tiered_router.resolver.forges import Proposal, forge_of
from openhands_tiered_router.resolver.issue import Kind, Place


PROPOSAL = Proposal("tiered-router/issue-7", "Resolve #7", "Closes #7")
BOTH = pytest.mark.parametrize("kind", list(Kind))


@BOTH
def test_an_issue_is_read(server, kind) -> None:
    if kind is Kind.GITHUB:
        server.issue["labels"] = [{"name": "bug"}, {"name": "tier:complex"}]
    else:
        server.issue["labels"] = ["bug", "tier:complex"]
    issue = server.forge(kind).issue()
    assert (issue.title, issue.body, issue.author) == (
        "It breaks",
        "Badly.",
        "stranger",
    )
    assert issue.labels == ("bug", "tier:complex")


def test_a_pull_request_is_no_issue(server) -> None:
    server.issue["pull_request"] = {}
    with pytest.raises(UsageProblem, match="is a pull request"):
        server.forge().issue()


@BOTH
def test_a_request_is_opened_once_and_then_brought_up_to_date(server, kind) -> None:
    forge = server.forge(kind)
    first = forge.propose(PROPOSAL)
    again = forge.propose(Proposal(PROPOSAL.branch, "Resolve #7", "Other"))
    assert first == again
    (request,) = server.requests
    assert (request.get("body") or request.get("description")) == "Other"
    assert (request.get("base") or request.get("target_branch")) == "trunk"


@BOTH
def test_the_last_one_who_set_a_label_counts(server, kind) -> None:
    server.setters = [("a", "one"), ("b", "two"), ("a", "three")]
    assert server.forge(kind).label_setters() == {"a": "three", "b": "two"}


def test_rights_on_github(server) -> None:
    server.roles = {"triager": "triage", "reader": "read"}
    forge = server.forge()
    assert forge.may_steer("triager")
    assert not forge.may_steer("reader")
    assert not forge.may_steer("stranger")


def test_rights_on_gitlab(server) -> None:
    server.roles = {"developer": "30", "reporter": "20", "developer2": "40"}
    forge = server.forge(Kind.GITLAB)
    assert forge.may_steer("developer")
    assert not forge.may_steer("reporter")
    assert not forge.may_steer("dev")


@BOTH
def test_the_token_goes_to_its_own_host_alone(server, kind) -> None:
    server.forge(kind).issue()
    assert "nobody-may-see" in server.seen[-1][2]
    elsewhere = {"GITHUB_SERVER_URL": "https://github.com"}
    elsewhere |= {"CI_SERVER_URL": "https://gitlab.com", "GITHUB_API_URL": ""}
    forge = server.forge(kind, **elsewhere)
    assert forge.push_settings() == {}
    if kind is Kind.GITLAB:
        forge.issue()
        assert server.seen[-1][2] == ""


def test_a_token_for_another_server_does_not_go_to_github() -> None:
    place = Place(Kind.GITHUB, "https://github.com", "o/r", 1)
    environ = {"GITHUB_SERVER_URL": "https://ghe.example", "GITHUB_TOKEN": "t"}
    forge = forge_of(place, environ)
    assert forge.push_settings() == {}


def test_nothing_is_sent_unencrypted_beyond_this_machine() -> None:
    place = Place(Kind.GITHUB, "http://github.example", "o/r", 1)
    with pytest.raises(UsageProblem, match="not encrypted"):
        forge_of(place, {})
