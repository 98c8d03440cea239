"""What a task is worth decides what follows on rejected work: real conversations."""

from __future__ import annotations

from pathlib import Path

import pytest
from openhands.sdk import LocalConversation
from openhands.sdk.event import MessageEvent

from openhands_tiered_router import ComplexityRouter, RoutedAgent
from openhands_tiered_router.guards.pausing import notice_of
from openhands_tiered_router.guards.verify.memory import Status, verification_of
from openhands_tiered_router.loopback import Reply, Request
from openhands_tiered_router.loopback.faults import Fault
from openhands_tiered_router.record.telemetry.store import Store
from tests.guards.verify.conftest import RIGHT, WRONG, Shop
from tests.guards.verify.test_agent import sent_back
from tests.record.telemetry.test_verdicts import conversation as told


CHEAP, DEAR = "openai/gpt-4o-mini", "anthropic/claude-opus-4-5"


def router(
    shop: Shop,
    path: Path,
    value: float,
    *,
    success: tuple[float | None, float | None] = (0.6, 0.8),
    models: tuple[str, str] = (CHEAP, DEAR),
    more: str = "",
) -> ComplexityRouter:
    base = shop.world.provider.base_url
    text = f"graph.enabled = false\npolicy.task_value = {value}\n"
    text += f"verify.enabled = true\nverify.catch_rate = 0.8\n{more}\n"
    tiers = zip(("simple", "complex"), models, success, (0.02, 0.4), strict=True)
    for tier, model, rate, usd in tiers:
        url = base if "claude" in model else f"{base}/v1"
        text += f'[[tiers.{tier}.endpoints]]\nmodel = "{model}"\nbase_url = "{url}"\n'
        text += f'api_key = "sk-loopback"\ntask_usd = {usd}\n'
        text += "" if rate is None else f"success = {rate}\n"
    path.write_text(text)
    return ComplexityRouter.from_config(path)


def worked(shop: Shop, router: ComplexityRouter) -> LocalConversation:
    shop.script([WRONG], [], [RIGHT])
    agent = shop.world.agent(router, kind=RoutedAgent)
    conversation = shop.world.conversation(agent)
    conversation.send_message("The total of `shop.price` is one too high. Correct it.")
    conversation.run()
    return conversation


def ended(conversation: LocalConversation) -> tuple[Status, str]:
    verification = verification_of(conversation.state)
    assert verification is not None
    notices = [n for e in conversation.state.events if (n := notice_of(e)) is not None]
    return verification.status, "\n".join(notice.reason for notice in notices)


@pytest.mark.slow
def test_a_task_that_is_not_worth_another_try_ends_with_a_plain_sentence(
    shop: Shop, tmp_path: Path
) -> None:
    cheap = router(shop, tmp_path / "c.toml", 0.05)
    conversation = worked(shop, cheap)
    status, said = ended(conversation)
    assert status is Status.UNVERIFIED
    assert "At $0.05 a solved task that is not worth more" in said
    assert "verify.stop_at_value = false" in said
    assert set(shop.world.tiers(cheap, conversation)) == {"simple"}
    assert len(sent_back(list(conversation.state.events))) == 1, "it was asked"


@pytest.mark.slow
def test_it_goes_on_where_the_user_says_so(shop: Shop, tmp_path: Path) -> None:
    more = "verify.stop_at_value = false"
    stays = router(shop, tmp_path / "c.toml", 0.05, more=more)
    conversation = worked(shop, stays)
    assert ended(conversation)[0] is Status.VERIFIED
    assert set(shop.world.tiers(stays, conversation)) == {"simple"}


@pytest.mark.slow
def test_the_stronger_model_gets_the_verdict_and_the_diff(
    shop: Shop, tmp_path: Path
) -> None:
    rises = router(shop, tmp_path / "c.toml", 5.0)
    conversation = worked(shop, rises)
    assert ended(conversation)[0] is Status.VERIFIED
    tiers = shop.world.tiers(rises, conversation)
    assert (tiers[2], tiers[3]) == ("simple", "complex")
    said = sent_back(list(conversation.state.events))[-1]
    assert "test_receipt" in said
    assert "shop/price.py | 2 +-" in said
    # It goes on in the conversation: what was asked and done is in its prompt.
    sent = next(r for r in shop.world.provider.requests if r.model in DEAR)
    assert "Correct it." in str(sent.body)
    assert "return str(sum(prices))" in str(sent.body)


@pytest.mark.parametrize(("left", "first"), [(None, "complex"), (0.3, "simple")])
def test_what_is_left_of_the_budget_limits_the_way(
    shop: Shop, tmp_path: Path, left: float | None, first: str
) -> None:
    more = "verify.enabled = false"
    budget = f'[[budgets]]\nname = "day"\nscope = "day"\nusd = {left}\n' if left else ""
    text = router(shop, tmp_path / "c.toml", 20.0).settings.config_file
    assert text
    file = Path(text)
    said = file.read_text().replace("verify.enabled = true", more)
    file.write_text(said + budget)
    limited = ComplexityRouter.from_config(file)
    conversation = worked(shop, limited)
    assert shop.world.tiers(limited, conversation)[0] == first


@pytest.mark.slow
@pytest.mark.parametrize(("failed", "first"), [(0, "simple"), (60, "complex")])
def test_verdicts_move_the_strength_that_routing_goes_by(
    shop: Shop, tmp_path: Path, failed: int, first: str
) -> None:
    store = Store(tmp_path / "telemetry.sqlite3")
    cheap = "openai/gpt-5.4"
    records = [
        record
        for number in range(failed)
        for record in told(str(number), [cheap], ("user", False))
    ]
    assert store.write(records) == 0
    store.close()
    published = {"success": (None, None), "models": (cheap, DEAR)}
    moved = router(shop, tmp_path / "c.toml", 5.0, **published)
    assert worked(shop, moved) is not None
    assert moved.calls(shop.world.conversations[-1].id)[0].decision.tier.name == (
        first.upper()
    )


@pytest.mark.slow
def test_no_message_of_a_user_is_added(shop: Shop, tmp_path: Path) -> None:
    conversation = worked(shop, router(shop, tmp_path / "c.toml", 5.0))
    events = conversation.state.events
    users = [e for e in events if isinstance(e, MessageEvent) and e.source == "user"]
    assert len(users) == 1


@pytest.mark.slow
def test_a_second_look_rejects_what_passed_and_is_paid_for(
    shop: Shop, tmp_path: Path
) -> None:
    more = "verify.second_look = true\nverify.rounds = 1"
    asks = router(shop, tmp_path / "c.toml", 5.0, more=more)
    shop.script([RIGHT], [RIGHT], [RIGHT])
    work, looks = shop.world.provider.script, []

    def script(request: Request) -> Reply | Fault:
        if request.body.get("tools"):
            return work(request)
        looks.append(str(request.body))
        said = "REJECT\nAn empty cart is not covered." if len(looks) == 1 else "ACCEPT"
        return Reply(text=said)

    shop.world.provider.script = script
    agent = shop.world.agent(asks, kind=RoutedAgent)
    conversation = shop.world.conversation(agent)
    conversation.send_message("The total of `shop.price` is one too high. Correct it.")
    conversation.run()
    (said,) = sent_back(list(conversation.state.events))
    assert "An empty cart is not covered." in said
    assert ended(conversation)[0] is Status.VERIFIED
    assert len(looks) == 2
    assert "Correct it." in looks[0]
    assert "return sum(prices)" in looks[0]
    read = [r.model for r in shop.world.provider.requests if not r.body.get("tools")]
    assert read == ["claude-opus-4-5"] * 2
    books = conversation.conversation_stats.usage_to_metrics.values()
    assert sum(len(each.costs) for each in books) == len(shop.world.provider.requests)
    spent = shop.world.spent(conversation)
    assert spent == pytest.approx(shop.world.provider.total_usd, rel=1e-9)
