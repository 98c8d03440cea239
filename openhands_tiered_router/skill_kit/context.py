"""An SDK ``AgentContext`` that adds few skills to a message, the most relevant."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Self

from openhands.sdk.context import AgentContext
from openhands.sdk.llm import Message, TextContent
from openhands.sdk.skills import Skill
from pydantic import Field, PrivateAttr

from openhands_tiered_router.graph.location.index import SATURATION, FileIndex
from openhands_tiered_router.graph.location.text import parse
from openhands_tiered_router.graph.words import terms_of, words
from openhands_tiered_router.skill_kit.settings import SkillSettings


logger = logging.getLogger(__name__)


class CappedContext(AgentContext):
    """At most ``max_triggered`` skills a message; the SDK itself adds all of them.

    A skill that is left out may still come with a later message that triggers it, and
    the agent sees it in its list of skills as before. Works with any ``Agent``.
    """

    max_triggered: int = Field(default=SkillSettings().max_triggered, ge=0)
    _recall: Callable[[str], str | None] | None = PrivateAttr(default=None)

    def begins_with(self, recall: Callable[[str], str | None]) -> None:
        """Has the next message add what is remembered for it, once; it is stored with
        the message, so every later prompt has the same bytes."""
        self._recall = recall

    @classmethod
    def of(cls, context: AgentContext, max_triggered: int) -> Self:
        """The same context with a limit; loads nothing anew."""
        fields = {n: getattr(context, n) for n in AgentContext.model_fields}
        return cls.model_construct(**fields, max_triggered=max_triggered)

    def get_user_message_suffix(
        self, user_message: Message, skip_skill_names: list[str]
    ) -> tuple[TextContent, list[str]] | None:
        """See ``AgentContext.get_user_message_suffix``."""
        skipped = list(skip_skill_names)
        try:
            skipped += self._left_out(user_message, skip_skill_names)
        except Exception as error:  # the message must get through all the same
            logger.error("skills not ranked: %s", type(error).__name__)
        added = super().get_user_message_suffix(user_message, skipped)
        told = self._remembered(user_message)
        if told is None:
            return added
        content, names = added or (TextContent(text=""), [])
        return TextContent(text=f"{content.text}\n{told}".lstrip()), names

    def _remembered(self, message: Message) -> str | None:
        recall, self._recall = self._recall, None
        try:
            return None if recall is None else recall(_asked(message))
        except Exception as error:  # the message must get through all the same
            logger.error("nothing recalled: %s", type(error).__name__)
            return None

    def _left_out(self, message: Message, skipped: list[str]) -> list[str]:
        asked = _asked(message)
        triggered = {
            skill.name: (skill, trigger)
            for skill in self.skills
            if skill.name not in skipped and (trigger := skill.match_trigger(asked))
        }
        if len(triggered) <= self.max_triggered:
            return []
        ranked = by_relevance(
            asked, {name: _texts(skill) for name, (skill, _) in triggered.items()}
        )
        # A skill that is called by its command is wanted, whatever else is said.
        ranked.sort(key=lambda name: not triggered[name][1].startswith("/"))
        return ranked[self.max_triggered :]


def _asked(message: Message) -> str:
    texts = (part.text for part in message.content if isinstance(part, TextContent))
    return "\n".join(texts).strip()


def _texts(skill: Skill) -> tuple[str, str]:
    headline = " ".join((skill.description or "", *skill.get_triggers()))
    return headline, skill.content


HEADLINE: Final = 3
"""What a term in a skill's name, description or triggers counts for, in terms of the
body: the weight that names have in the workspace's own index."""


def by_relevance(text: str, skills: Mapping[str, tuple[str, str]]) -> list[str]:
    """The names of ``skills``, the one that fits ``text`` best first.

    Scores are BM25 over the given skills (see ``graph.location.index``); those that
    are equal keep their order.

    Args:
        text: What the user said.
        skills: By name, the headline (description, triggers) and the body.
    """
    index = FileIndex()
    for name, (headline, body) in skills.items():
        index.append(name, _worths(f"{name} {headline}", body))
    scores = index.scores(index.weigh(parse(text).terms))
    return sorted(skills, key=lambda name: -scores.get(name, 0.0))


def _worths(headline: str, body: str) -> dict[str, float]:
    counts = Counter(terms_of(words(body)))
    for term, count in Counter(terms_of(words(headline))).items():
        counts[term] += HEADLINE * count
    return {term: count / (SATURATION + count) for term, count in counts.items()}
