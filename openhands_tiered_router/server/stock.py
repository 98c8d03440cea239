"""A routed agent that is stored, and shown to clients, as the stock ``Agent``."""

from __future__ import annotations

from typing import Any, Self

from openhands.sdk import Agent
from openhands.sdk.llm import LLM
from pydantic import (
    ModelWrapValidatorHandler,
    computed_field,
    model_validator,
)

from openhands_tiered_router.agent import RoutedAgent


class StockRoutedAgent(RoutedAgent):
    """What a stock ``Agent`` is while the router is installed in it.

    Its ``llm`` is stored as the plain ``LLM`` that it was: a client needs nothing of
    this package to read the conversation.
    """

    llm: LLM

    @computed_field
    @property
    def kind(self) -> str:
        """The stock agent's, by which it is read again."""
        return Agent.__name__

    @model_validator(mode="wrap")
    @classmethod
    def _validate_subtype(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self]
    ) -> Self:
        """A fork validates what this class has dumped, with the stock agent's kind."""
        if isinstance(data, cls):
            return data
        return handler({k: v for k, v in dict(data).items() if k != "kind"})
