"""The API client against a server that refuses as GitHub and GitLab do."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from openhands_tiered_router.resolver import http
from openhands_tiered_router.resolver.forges import Proposal
from openhands_tiered_router.resolver.http import ForgeError
from openhands_tiered_router.resolver.issue import Kind
from tests.resolver.forge_server import TOKEN


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def github(server, waits) -> Any:
    forge = server.forge()
    return replace(forge, api=replace(forge.api, sleep=waits.append))


def test_a_list_is_read_to_its_last_page(server, github) -> None:
    server.setters = [(f"label-{n}", "somebody") for n in range(7)]
    assert len(github.label_setters()) == 7
    assert len(server.seen) == 4


def test_a_next_page_on_another_host_is_not_asked(server, github) -> None:
    server.refuse(200, body=b"[]", Link='<http://localhost:1/x>; rel="next"')
    with pytest.raises(ForgeError, match="on another host"):
        github.label_setters()
    assert len(server.seen) == 1


@pytest.mark.parametrize("kind", list(Kind))
def test_a_token_does_not_go_along_to_another_host(server, kind: Kind) -> None:
    forge = server.forge(kind)
    elsewhere = server.origin.replace("127.0.0.1", "localhost")
    server.refuse(302, Location=f"{elsewhere}/stolen")
    with pytest.raises(ForgeError):
        forge.issue()
    (_, _, key), (_, path, stolen) = server.seen
    assert TOKEN in key
    assert (path, stolen) == ("/stolen", "")


def test_a_list_without_end_is_given_up(server, github) -> None:
    link = f'<{server.origin}/more>; rel="next"'
    server.refuse(200, times=http.MAX_PAGES + 1, body=b"[]", Link=link)
    with pytest.raises(ForgeError, match="more than 30 pages"):
        github.label_setters()


def test_a_retry_after_is_kept_to(server, github, waits) -> None:
    server.refuse(429, retry_after="7")
    assert github.issue().title == "It breaks"
    assert 7 <= waits[0] < 8


def test_the_primary_limit_is_waited_for_until_it_is_over(
    server, github, waits
) -> None:
    reset = str(int(time.time()) + 20)
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    server.refuse(403, body=b'{"message": "API rate limit exceeded"}', **headers)
    assert github.issue().title == "It breaks"
    assert 15 <= waits[0] < 22


def test_an_hour_is_not_waited_for(server, github, waits) -> None:
    reset = str(int(time.time()) + 3000)
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    server.refuse(403, **headers)
    with pytest.raises(ForgeError, match=r"rate limit; try again in \d{4} s"):
        github.issue()
    assert waits == []


def test_the_secondary_limit_without_a_header_is_a_minute(
    server, github, waits
) -> None:
    said = b'{"message": "You have exceeded a secondary rate limit."}'
    server.refuse(403, body=said)
    assert github.issue().title == "It breaks"
    assert 60 <= waits[0] < 61


def test_a_server_that_fails_is_asked_again_a_few_times(server, github, waits) -> None:
    server.refuse(502, times=2)
    assert github.issue().title == "It breaks"
    assert len(waits) == 2
    server.refuse(503, times=http.ATTEMPTS)
    with pytest.raises(ForgeError, match="503"):
        github.issue()
    assert len(waits) == 2 + http.ATTEMPTS - 1


@pytest.mark.parametrize(
    ("status", "token", "words"),
    [
        (401, "t", "Set GITHUB_TOKEN to a valid token"),
        (403, "t", "what the token in GITHUB_TOKEN may do"),
        (404, "", "if it is private, set GITHUB_TOKEN"),
        (404, "t", "what the token in GITHUB_TOKEN may do"),
        (422, "t", "already exists"),
        (410, "t", "410"),
    ],
)
def test_a_refusal_is_told_with_its_remedy_and_not_repeated(
    server, waits, status, token, words
) -> None:
    body = b'{"message": "No", "errors": [{"message": "It already exists"}]}'
    server.refuse(status, body=body)
    forge = server.forge(GITHUB_TOKEN=token)
    with pytest.raises(ForgeError, match=words) as caught:
        forge.issue()
    assert caught.value.status == status
    assert len(server.seen) == 1


def test_too_big_an_answer_is_not_read_to_its_end(server, github, monkeypatch) -> None:
    monkeypatch.setattr(http, "MAX_BYTES", 100_000)
    server.refuse(200, body=b'"' + b"x" * 200_000 + b'"')
    with pytest.raises(ForgeError, match="too big"):
        github.issue()


def test_a_long_issue_is_cut_and_says_so(server, github) -> None:
    server.issue["body"] = "x" * 1_000_000
    issue = github.issue()
    assert len(issue.text) < 70_000
    assert issue.text.endswith("[cut: the issue is longer]")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"title": 3}', b"", b"\xff"])
def test_an_answer_that_is_no_issue_is_refused(server, github, body) -> None:
    server.refuse(200, body=body)
    with pytest.raises(ForgeError, match=r"JSON|no issue"):
        github.issue()


def test_a_server_that_is_not_there(server, waits) -> None:
    forge = server.forge(GITHUB_API_URL="http://127.0.0.1:9")
    forge = replace(forge, api=replace(forge.api, sleep=waits.append))
    with pytest.raises(ForgeError, match="cannot be reached: ConnectError"):
        forge.issue()


def test_no_error_and_no_repr_has_the_token(server, github) -> None:
    server.refuse(401)
    with pytest.raises(ForgeError) as caught:
        github.propose(Proposal("b", "t", "x"))
    assert "nobody-may-see" not in f"{caught.value} {github!r} {github.api!r}"
