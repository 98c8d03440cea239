"""Says when a fork loses its router."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from openhands.sdk import LocalConversation
from openhands.sdk.agent import AgentBase

from openhands_tiered_router.sdk.tiered_llm import TieredLLM


logger = logging.getLogger(__name__)


def saying_what_is_lost(
    fork: Callable[..., LocalConversation],
) -> Callable[..., LocalConversation]:
    """``LocalConversation.fork``, which warns if the fork has a plain model.

    Nothing of a router is called while the SDK dumps an agent and reads it again, so
    that the router cannot notice by itself.
    """

    @wraps(fork)
    def forked(self: LocalConversation, *args: Any, **kwargs: Any) -> LocalConversation:
        source: AgentBase = kwargs.get("agent") or self.agent
        made = fork(self, *args, **kwargs)
        was, now = source.llm, made.agent.llm
        if isinstance(was, TieredLLM) and not isinstance(now, TieredLLM):
            logger.warning(
                "fork %s has no router and calls %s alone, since %s stores its llm as "
                "a plain one: use RoutedAgent, or fork.switch_llm("
                "router.model_copy(update={'usage_id': 'fork'}))",
                made.id,
                now.model,
                type(source).__name__,
            )
        return made

    return forked


LocalConversation.fork = saying_what_is_lost(LocalConversation.fork)
