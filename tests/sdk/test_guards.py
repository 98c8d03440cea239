"""One list holds what watches a router's conversations."""

from __future__ import annotations

import pytest
from openhands.sdk import LocalConversation
from openhands.sdk.event import Event

from openhands_tiered_router.guards.guard import Guard
from openhands_tiered_router.router import ComplexityRouter
from openhands_tiered_router.sdk import guards
from openhands_tiered_router.sdk.setup import RouterSetup
from openhands_tiered_router.settings import RouterSettings
from tests.routed.conftest import World, world  # noqa: F401


class Counting(Guard):
    """A new guard."""

    name = "counting"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Event] = []

    def see(self, conversation: LocalConversation, event: Event) -> None:
        self.seen.append(event)


def test_a_new_guard_is_one_line_in_the_list(
    world: World,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Counting] = []

    def counting(setup: RouterSetup, settings: RouterSettings) -> Counting | None:
        if not settings.loops.enabled:
            return None
        made.append(Counting())
        return made[-1]

    monkeypatch.setattr(guards, "GUARDS", (*guards.GUARDS, counting))
    router = world.router()
    conversation = world.conversation(world.agent(router), callbacks=router.callbacks())
    conversation.send_message("Look around.")
    conversation.run()
    (guard,) = made
    ids = {event.id for event in conversation.state.events}
    assert guard.seen
    assert {event.id for event in guard.seen} <= ids


def test_a_router_shows_no_secret(
    world: World,  # noqa: F811
) -> None:
    secret = "sk-nobody-may-see-this"
    router = world.router(llm_fields={"api_key": secret})
    assert isinstance(router, ComplexityRouter)
    for shown in (repr(router), str(router), repr(router.settings), f"{router!r}"):
        assert secret not in shown
    assert "simple" in repr(router)
