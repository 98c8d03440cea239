"""Few skills come with a message, the ones that it is about."""

from __future__ import annotations

from pathlib import Path

import pytest
from openhands.sdk import Agent, LocalConversation
from openhands.sdk.context import AgentContext
from openhands.sdk.event import MessageEvent
from openhands.sdk.llm import LLM, Message, TextContent
from openhands.sdk.skills import KeywordTrigger, Skill, TaskTrigger

from openhands_tiered_router import ComplexityRouter, RoutedAgent
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.skill_kit import context as context_module
from openhands_tiered_router.skill_kit.context import CappedContext, by_relevance
from openhands_tiered_router.skill_kit.settings import SkillSettings


TOPICS = {
    "kubernetes": "Roll out a deployment, read the logs of its pods.",
    "postgres": "Write a migration, look at a slow query plan.",
    "react": "Write a component with hooks.",
    "release": "Tag a version, publish the wheel.",
    "security": "Find injection and leaked secrets.",
}
ASKED = "The slow query of the migration: fix it in the postgres project."


def skill(name: str, body: str) -> Skill:
    trigger = KeywordTrigger(keywords=["project"])
    return Skill(name=name, content=body, trigger=trigger, description=f"{name} work")


def context(**fields) -> AgentContext:
    return AgentContext(skills=[skill(*each) for each in TOPICS.items()], **fields)


def told(context: AgentContext, text: str, skip: list[str] | None = None) -> list[str]:
    message = Message(role="user", content=[TextContent(text=text)])
    found = context.get_user_message_suffix(message, skip or [])
    return found[1] if found else []


def test_the_sdk_itself_adds_all() -> None:
    assert sorted(told(context(), ASKED)) == sorted(TOPICS)


@pytest.mark.parametrize("most", [0, 1, 3, 5])
def test_no_more_than_the_limit(most: int) -> None:
    names = told(CappedContext.of(context(), most), ASKED)
    assert len(names) == most
    assert not most or "postgres" in names


def test_what_was_left_out_may_come_later() -> None:
    capped = CappedContext.of(context(), 3)
    first = told(capped, ASKED)
    second = told(capped, ASKED, first)
    assert sorted(first + second) == sorted(TOPICS)


def test_a_command_goes_before_relevance() -> None:
    called = Skill(
        name="lint", content="Run it.", trigger=TaskTrigger(triggers=["/lint"])
    )
    skills = [*context().skills, called]
    assert "lint" in told(
        CappedContext(skills=skills, max_triggered=1), f"/lint {ASKED}"
    )


def test_ranks_by_what_is_said() -> None:
    skills = {name: (f"{name} work", body) for name, body in TOPICS.items()}
    assert by_relevance("Publish the wheel of a new version", skills)[0] == "release"
    assert by_relevance("the pods' logs", skills)[0] == "kubernetes"
    assert by_relevance("nothing of these", skills) == list(TOPICS)


def test_a_fault_lets_the_message_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(context_module, "by_relevance", fail)
    assert sorted(told(CappedContext.of(context(), 3), ASKED)) == sorted(TOPICS)


def llm() -> LLM:
    return LLM(model="openai/gpt-4o-mini", api_key="sk-none")


def test_routed_agents_are_capped_also_when_stored() -> None:
    settings = RouterSettings(skills=SkillSettings(max_triggered=2))
    router = ComplexityRouter(llms_for_routing={"complex": llm()}, settings=settings)
    agent = RoutedAgent(llm=router, agent_context=context())
    assert agent.agent_context is not None
    assert len(told(agent.agent_context, ASKED)) == 2
    stored = agent.model_dump(mode="json", context={"expose_secrets": True})
    assert "max_triggered" not in stored["agent_context"]
    again = RoutedAgent.model_validate(stored)
    assert again.agent_context is not None
    assert len(told(again.agent_context, ASKED)) == 2


def test_in_a_conversation_with_a_plain_agent(tmp_path: Path) -> None:
    """Skills of the project too, which the SDK adds to the context later."""
    for name in ("one", "two", "three"):
        path = tmp_path / ".agents" / "skills" / name / "SKILL.md"
        path.parent.mkdir(parents=True)
        path.write_text(
            f"---\nname: {name}\ndescription: d\ntriggers: [project]\n---\nText.\n"
        )
    capped = CappedContext.of(context(load_project_skills=True), 3)
    conversation = LocalConversation(
        agent=Agent(llm=llm(), tools=[], agent_context=capped),
        workspace=str(tmp_path),
        visualizer=None,
    )
    try:
        conversation.send_message(ASKED)
        conversation.send_message(ASKED)
        said = [e for e in conversation.state.events if isinstance(e, MessageEvent)]
        activated = [event.activated_skills for event in said]
    finally:
        conversation.close()
    assert [len(names) for names in activated] == [3, 3]
    assert not set(activated[0]) & set(activated[1])
