"""``RoutedAgent``: an agent kind that keeps its router when it is stored."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from openhands.sdk import Agent
from openhands.sdk.agent import base as agent_base
from openhands.sdk.llm import LLM
from pydantic import SerializeAsAny, ValidationInfo, field_validator

from openhands_tiered_router.router import ComplexityRouter


class RoutedAgent(Agent):
    """An ``Agent`` whose router survives forks, restarts and the agent-server.

    A stock ``Agent`` stores its ``llm`` as a plain ``LLM``: what comes back after a
    fork, or a resume without an agent, is the router's default tier alone.

    The field stays wide, so that ``switch_llm`` to a plain model still works.
    """

    llm: SerializeAsAny[LLM]

    @field_validator("llm", mode="before")
    @classmethod
    def _restore_router(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, dict) and value.get("llms_for_routing"):
            return ComplexityRouter.model_validate(value, context=info.context)
        return value

    @property
    def prompt_dir(self) -> str:
        """The SDK's own prompts: it looks beside the file of the agent's class."""
        return str(Path(inspect.getfile(agent_base)).parent / "prompts")
