"""Configurations that change under running conversations."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from openhands.sdk.llm import Message, TextContent

from openhands_tiered_router import ComplexityRouter, ConfigError, RoutedAgent
from openhands_tiered_router.loopback import Reply, Request
from openhands_tiered_router.loopback.faults import server_error
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.policy.difficulty.next_turn import default_model
from openhands_tiered_router.policy.difficulty.task_weights import default_weights
from openhands_tiered_router.policy.economics.dynamics import default_dynamics
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.value.table import default_table
from openhands_tiered_router.sdk import reload as reloading
from openhands_tiered_router.sdk.reload import (
    live_config,
    reload_config,
    reload_on_sighup,
)
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Tier
from tests.waiting import wait_until


HELLO = [Message(role="user", content=[TextContent(text="Hello.")])]
SONNET, OPUS, BIG, SMALL = (
    "anthropic/claude-sonnet-4-5",
    "anthropic/claude-opus-4-5",
    "openai/gpt-4o",
    "openai/gpt-4o-mini",
)


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    reloading._live.clear()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c.toml"


def text_of(world, models: dict[str, str], more: str = "") -> str:
    base = world.provider.base_url
    tables = [
        f"[[tiers.{tier}.endpoints]]\n"
        f'model = "{model}"\n'
        f'base_url = "{base if "claude" in model else base + "/v1"}"\n'
        'api_key = "sk-loopback"\n'
        for tier, model in models.items()
    ]
    return "\n".join(["graph.enabled = false", more, *tables])


def write(world, path: Path, models: dict[str, str], more: str = "") -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text_of(world, models, more))
    os.replace(fresh, path)


def made(world, path: Path, models: dict[str, str], more: str = "") -> ComplexityRouter:
    write(world, path, models, more)
    return ComplexityRouter.from_config(path)


def served(world) -> list[str]:
    return [request.model for request in world.provider.requests]


def assert_exact(world, conversation) -> None:
    assert world.provider.total_usd > 0
    assert world.spent(conversation) == pytest.approx(
        world.provider.total_usd, rel=1e-12
    )


CHANGES = {
    "other models": ({"simple": SMALL, "complex": SONNET}, {"complex": BIG}),
    "a new tier": ({"complex": SONNET}, {"simple": SMALL, "complex": SONNET}),
    "a tier less": ({"simple": SMALL, "complex": SONNET}, {"complex": SONNET}),
}


@pytest.mark.parametrize("agent", [None, RoutedAgent])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_conversation_goes_on_by_it_and_its_bill_is_exact(
    world, path: Path, change: str, agent: type | None
) -> None:
    before, after = CHANGES[change]
    router = made(world, path, before)
    kind = {"kind": agent} if agent else {}
    conversation = world.conversation(world.agent(router, **kind))
    turns = [world.terminal("ls"), world.finish(), world.terminal("ls"), world.finish()]
    world.provider.script = by_turn(turns)
    router.pin("simple")
    conversation.send_message("Look around.")
    conversation.run()
    write(world, path, after)
    reload_config(path)
    conversation.send_message("And again.")
    await conversation.arun()
    first, last = (m.get("simple", m["complex"]) for m in (before, after))
    names = [name.partition("/")[2] for name in (first, first, last, last)]
    assert served(world) == names
    assert_exact(world, conversation)


def test_the_sdk_counts_a_kept_endpoint_under_its_usage_id(world, path: Path) -> None:
    router = made(world, path, {"simple": SMALL, "complex": SONNET})
    conversation = world.conversation(world.agent(router))
    world.provider.script = by_turn([world.finish(), world.finish(), world.finish()])
    for tier, models in (
        ("simple", {"simple": SMALL, "complex": SONNET}),
        ("simple", {"simple": SMALL, "complex": BIG}),
        ("complex", {"complex": BIG}),
    ):
        write(world, path, models)
        router.reload()
        router.pin(tier)
        conversation.send_message("Go on.")
        conversation.run()
    metrics = conversation.conversation_stats.usage_to_metrics
    costs = [charge.usd for charge in world.provider.charged]
    spent = {
        tier: metrics[f"{router.usage_id}:{tier}"].accumulated_cost
        for tier in ("simple", "complex")
    }
    assert spent == {
        "simple": pytest.approx(sum(costs[:2])),
        "complex": pytest.approx(costs[2]),
    }


def test_a_call_under_way_ends_on_what_it_began_with(world, path: Path) -> None:
    router = made(world, path, {"complex": SONNET, "reasoning": OPUS})

    def script(request: Request):
        if request.number > 1:
            return Reply(text="Done.")
        write(world, path, {"complex": BIG})
        reload_config(path)
        return server_error(500)

    world.provider.script = script
    router.generate(HELLO)
    assert served(world) == ["claude-sonnet-4-5", "claude-opus-4-5"]
    router.generate(HELLO)
    assert served(world)[2:] == ["gpt-4o"]


def truncated(path: Path, text: str) -> None:
    path.write_text(text[: len(text) // 2 + 7])


def deleted(path: Path, text: str) -> None:
    path.unlink()


def empty(path: Path, text: str) -> None:
    path.write_text("")


def misspelt(path: Path, text: str) -> None:
    path.write_text("polcy = 1\n" + text)


def forbidden(path: Path, text: str) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path.chmod(0)


def a_directory(path: Path, text: str) -> None:
    path.unlink()
    path.mkdir()


FAULTS = (truncated, deleted, empty, misspelt, forbidden, a_directory)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_changes_nothing_and_says_so(
    world, path: Path, fault: Callable[[Path, str], None]
) -> None:
    world.provider.script = lambda _: Reply(text="Done.")
    router = made(world, path, {"complex": SONNET})
    router.generate(HELLO)
    fault(path, path.read_text())
    with pytest.raises(ConfigError, match=r"c\.toml"):
        router.reload()
    router.generate(HELLO)
    assert served(world) == ["claude-sonnet-4-5"] * 2
    if path.is_dir():
        path.rmdir()
    write(world, path, {"complex": BIG})
    router.reload()
    router.generate(HELLO)
    assert served(world)[2:] == ["gpt-4o"]


WATCHED = "reload = {watch = true, interval = 0.1}"


@pytest.mark.own_fault
def test_the_file_is_watched(
    world, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world.provider.script = lambda _: Reply(text="Done.")
    router = made(world, path, {"complex": SONNET}, WATCHED)
    router.generate(HELLO)
    path.write_text("tiers = 3")
    wait_until(lambda: "stays in force" in caplog.text)
    assert "c.toml: tiers" in caplog.text
    router.generate(HELLO)
    write(world, path, {"complex": BIG}, WATCHED)
    wait_until(lambda: live_config(path).newest is not None)
    router.generate(HELLO)
    assert served(world) == ["claude-sonnet-4-5"] * 2 + ["gpt-4o"]


def test_nobody_watches_unless_asked_to(world, path: Path) -> None:
    """An agent could write the file, and lift its own limits."""
    world.provider.script = lambda _: Reply(text="Done.")
    router = made(world, path, {"complex": SONNET})
    router.generate(HELLO)
    write(world, path, {"complex": BIG})
    assert not live_config(path)._settings.watch
    router.generate(HELLO)
    assert served(world) == ["claude-sonnet-4-5"] * 2


def test_a_storm_of_signals(world, path: Path) -> None:
    world.provider.script = lambda _: Reply(text="Done.")
    before = signal.getsignal(signal.SIGHUP)
    try:
        reload_on_sighup()
        router = made(world, path, {"complex": SONNET})
        router.generate(HELLO)
        write(world, path, {"complex": BIG})
        for _ in range(300):
            os.kill(os.getpid(), signal.SIGHUP)
        wait_until(lambda: live_config(path).newest is not None)
        router.generate(HELLO)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert served(world) == ["claude-sonnet-4-5", "gpt-4o"]


@pytest.mark.slow
async def test_sixteen_conversations_under_a_file_that_keeps_changing(
    world, path: Path
) -> None:
    variants = [m for pair in CHANGES.values() for m in pair]
    write(world, path, variants[0])
    routers = [ComplexityRouter.from_config(path) for _ in range(16)]
    conversations = [world.conversation(world.agent(r)) for r in routers]
    world.provider.script = by_turn([world.terminal("ls")] * 3 + [world.finish()])
    over = threading.Event()

    def keep_changing() -> None:
        number = 0
        while not over.is_set():
            write(world, path, variants[number % len(variants)])
            reload_config(path)
            number += 1

    changing = asyncio.create_task(asyncio.to_thread(keep_changing))
    try:
        for conversation in conversations:
            conversation.send_message("Look around.")
        await asyncio.gather(*(c.arun() for c in conversations))
    finally:
        over.set()  # the event loop cannot close before the thread ends
        await changing
    spent = [world.spent(conversation) for conversation in conversations]
    assert all(usd > 0 for usd in spent)
    assert sum(spent) == pytest.approx(world.provider.total_usd, rel=1e-12)
    assert len({request.model for request in world.provider.requests}) > 1


def test_a_router_alone_takes_another_configuration(world, path: Path) -> None:
    world.provider.script = lambda _: Reply(text="Done.")
    one, other = (made(world, path, {"complex": SONNET}) for _ in range(2))
    write(world, path, {"complex": BIG})
    one.reload(path)
    one.generate(HELLO)
    other.generate(HELLO)
    assert served(world) == ["gpt-4o", "claude-sonnet-4-5"]


def test_what_was_given_goes_before_changes_of_the_file(world, path: Path) -> None:
    write(world, path, {"complex": SONNET})
    router = ComplexityRouter.from_config(path, default_tier="complex")
    with pytest.raises(ValueError, match="follows no file"):
        router.reload()


def test_a_task_value_is_one_conversations_own(world, path: Path) -> None:
    write(world, path, {"complex": SONNET}, 'policy.side_tier = "complex"')
    given = RouterSettings(policy=Policy(idle_turns=7))
    routers = [
        ComplexityRouter.from_config(path),
        ComplexityRouter.from_config(path, task_value=0.0),
        ComplexityRouter.from_config(path, task_value=20.0, settings=given),
    ]
    policies = [router.settings.policy for router in routers]
    assert [policy.task_value for policy in policies] == [5.0, 0.0, 20.0]
    assert [policy.idle_turns for policy in policies] == [30, 30, 7]
    assert {policy.side_tier for policy in policies} == {Tier.COMPLEX}
    with pytest.raises(ValueError, match="task_value"):
        ComplexityRouter.from_config(path, task_value=-1.0)


def test_the_first_decision_reads_no_table(world, path: Path) -> None:
    tables = (default_model, default_weights, default_dynamics, default_table)
    for table in tables:
        table.cache_clear()
    router = made(world, path, {"simple": SMALL, "complex": SONNET})
    read = [table.cache_info().misses for table in tables]
    assert read == [1] * len(tables)
    assert "_roots" in vars(default_model())
    router.select_llm(HELLO)
    assert [table.cache_info().misses for table in tables] == read


def test_copies_and_restored_routers_follow_too(world, path: Path) -> None:
    world.provider.script = lambda _: Reply(text="Done.")
    router = made(world, path, {"complex": SONNET})
    copied = router.model_copy(update={"usage_id": "condenser"})
    stored = router.model_dump(context={"expose_secrets": True})
    write(world, path, {"complex": BIG})
    router.reload()
    restored = ComplexityRouter.model_validate(stored)
    late = router.model_copy(update={"usage_id": "late"})
    routers = (router, copied, restored, late)
    for each in routers:
        each.generate(HELLO)
    assert served(world) == ["gpt-4o"] * 4
    llms = [llm for each in routers for llm in each.llms_for_routing.values()]
    books = {id(llm.metrics): llm.metrics.accumulated_cost for llm in llms}
    assert sum(books.values()) == pytest.approx(world.provider.total_usd)
