"""Who may steer by labels."""

from __future__ import annotations

import pytest

from openhands_tiered_router.resolver.labels import Wishes, wishes_of
from openhands_tiered_router.tiers import Tier


def ask(server, *labels: str, trusted: tuple[str, ...] = ()) -> Wishes:
    server.issue["labels"] = [{"name": name} for name in labels]
    forge = server.forge()
    return wishes_of(forge.issue(), forge, trusted)


def test_labels_of_members_are_obeyed(server) -> None:
    server.setters = [("tier:complex", "maintainer"), ("budget:3.50", "maintainer")]
    server.roles = {"maintainer": "maintain"}
    wishes = ask(server, "bug", "tier:complex", "budget:3.50")
    assert wishes == Wishes(tier=Tier.COMPLEX, usd=3.5)


def test_labels_of_others_are_not(server) -> None:
    server.setters = [("tier:reasoning", "stranger"), ("budget:900", "bot")]
    wishes = ask(server, "tier:reasoning", "budget:900")
    assert wishes == Wishes(refused=("tier:reasoning", "budget:900"))


def test_those_of_named_accounts_are(server) -> None:
    server.setters = [("tier:simple", "bot")]
    assert ask(server, "tier:simple", trusted=("bot",)).tier is Tier.SIMPLE


def test_a_member_who_set_it_first_does_not_vouch_for_a_stranger(server) -> None:
    server.setters = [("tier:simple", "maintainer"), ("tier:simple", "stranger")]
    server.roles = {"maintainer": "admin"}
    assert ask(server, "tier:simple").tier is None


def test_a_label_that_nobody_set_is_not_obeyed(server) -> None:
    assert ask(server, "budget:5", trusted=("",)).refused == ("budget:5",)


@pytest.mark.parametrize(
    "label", ["tier:best", "tier:", "budget:-1", "budget:1e9", "xtier:simple", "tier"]
)
def test_other_labels_are_none_of_ours(server, label) -> None:
    assert ask(server, label) == Wishes()
    assert len(server.seen) == 1


def test_when_the_forge_does_not_say_nobody_is_trusted(server) -> None:
    server.issue["labels"] = [{"name": "tier:simple"}]
    forge = server.forge()
    issue = forge.issue()
    server.refuse(401)
    assert wishes_of(issue, forge, ()).refused == ("tier:simple",)
