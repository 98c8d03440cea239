"""Side requests and explorations that were answered before, from an exact cache.

On a fault of ours the model is asked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import litellm
import platformdirs
from litellm import ResponsesAPIResponse
from litellm.types.utils import ModelResponse
from openhands.sdk import LocalConversation
from openhands.sdk.llm import LLM, LLMResponse, Message
from openhands.sdk.llm.message import TextContent
from openhands.sdk.tool import ToolDefinition, ToolExecutor
from openhands.tools.task.definition import TaskAction, TaskObservation

from openhands_tiered_router.calls.steps import Reply, Step, blocking
from openhands_tiered_router.guards.verify.git import GitError, Repository
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder
from openhands_tiered_router.sdk.arrival import Around
from openhands_tiered_router.sdk.entries import CallArguments
from openhands_tiered_router.tokens.answers import Answers, digest
from openhands_tiered_router.tokens.settings import TokenSettings


if TYPE_CHECKING:
    from openhands_tiered_router.sdk.flow import CallFlow

logger = logging.getLogger(__name__)

NAME: Final = "answers"
"""Under which hits and misses are in the telemetry."""
_BESIDE: Final = {
    "usage_id", "api_key", "aws_access_key_id", "aws_secret_access_key",
    "aws_session_token", "timeout", "num_retries", "retry_multiplier",
    "retry_min_wait", "retry_max_wait", "log_completions", "log_completions_folder",
    "input_cost_per_token", "output_cost_per_token", "fallback_strategy",
}  # fmt: skip
"""Fields of a model that do not change what it says."""
_TASK: Final = "task"
_NOTICE: Final = "[The same question about the same files was answered before:]\n"


def answers_of(settings: TokenSettings) -> Answers | None:
    """The cache that the settings ask for."""
    if not settings.answers:
        return None
    if settings.answers_path is not None:
        path = Path(settings.answers_path).expanduser()
    else:
        directory = platformdirs.user_cache_path("tiered-router", appauthor=False)
        path = directory / "answers.sqlite3"
    return Answers(path, settings.answers_hours)


@dataclass(frozen=True, slots=True)
class Sought:
    """A side request whose answer may be kept."""

    answers: Answers
    key: str


def sought(flow: CallFlow, endpoint: str) -> Sought | None:
    """The request as an endpoint is to answer it; ``None``: it is always asked."""
    answers = answers_of(flow.setup.tokens)
    if answers is None or flow.call.purpose is not Purpose.SIDE:
        return None
    try:
        key = key_of(flow.llms[endpoint], flow.arguments)
    except Exception as error:
        logger.error("request not compared: %s", type(error).__name__)
        return None
    return None if key is None else Sought(answers, key)


def found(
    flow: CallFlow, endpoint: str, asked: Sought
) -> Generator[Step, Reply, LLMResponse | None]:
    """The answer that an endpoint gave to the same request. It is in no budget, since
    nothing is paid."""
    llm = flow.llms[endpoint]
    response = yield from blocking(lambda: _found(asked, llm))
    flow.setup.recorder.note(
        NAME,
        "miss" if response is None else "hit",
        conversation_id=flow.call.session_id,
        time=time.time(),
    )
    return response


def kept(asked: Sought, response: LLMResponse) -> Generator[Step, Reply, None]:
    """Keeps what that endpoint has just answered."""
    yield from blocking(lambda: _keep(asked, response))


def key_of(llm: LLM, arguments: CallArguments) -> str | None:
    """Of all that the answer to a request without tools depends on; ``None``: it is
    to be streamed, or offers tools."""
    if arguments.tools or arguments.on_token is not None:
        return None
    beside = ("tools", "call_context")
    kwargs = {k: v for k, v in arguments.kwargs().items() if k not in beside}
    return digest(
        {
            "model": llm.model_dump(mode="json", exclude=_BESIDE),
            "api": arguments.api,
            "messages": [m.model_dump(mode="json") for m in arguments.messages],
            "with": kwargs,
        }
    )


def _found(asked: Sought, llm: LLM) -> LLMResponse | None:
    """The answer that is kept, as one that used no tokens. Blocks; does not raise."""
    try:
        text = asked.answers.find(asked.key)
        return None if text is None else _response(text, llm)
    except Exception as error:
        logger.error("no kept answer looked up: %s", type(error).__name__)
        return None


def _keep(asked: Sought, response: LLMResponse) -> None:
    """Keeps an answer that is whole. Blocks; does not raise."""
    try:
        raw = response.raw_response
        if is_whole(response):
            kind = "chat" if isinstance(raw, ModelResponse) else "responses"
            parts = (kind, response.message.model_dump_json(), raw.model_dump_json())
            asked.answers.keep(asked.key, "\n".join(parts))
    except Exception as error:
        # The type alone: a message could quote the answer.
        logger.error("answer not kept: %s", type(error).__name__)


def is_whole(response: LLMResponse) -> bool:
    """Not cut off, not empty, and without a call of a tool."""
    message, raw = response.message, response.raw_response
    texts = (p.text for p in message.content if isinstance(p, TextContent))
    if message.tool_calls or not any(text.strip() for text in texts):
        return False
    if isinstance(raw, ModelResponse):
        return [choice.finish_reason for choice in raw.choices] == ["stop"]
    return raw.status == "completed"


def _response(text: str, llm: LLM) -> LLMResponse:
    kind, message, body = text.split("\n", 2)
    raw: ModelResponse | ResponsesAPIResponse
    if kind == "chat":
        raw = ModelResponse.model_validate_json(body)
        raw.usage = litellm.Usage()  # pyright: ignore[reportAttributeAccessIssue]
    else:
        raw = ResponsesAPIResponse.model_validate_json(body)
        raw.usage = None
    return LLMResponse(
        message=Message.model_validate_json(message),
        metrics=llm.metrics.get_snapshot(),
        raw_response=raw,
    )


def with_kept_explorations(
    tools: Mapping[str, ToolDefinition[Any, Any]],
    subagent: str,
    answers: Answers,
    models: Sequence[tuple[str, str]],
    journal: TelemetryRecorder,
) -> dict[str, ToolDefinition[Any, Any]]:
    """The tools, ``task`` with a sub-agent's answers from the cache.

    Args:
        tools: An agent's.
        subagent: Name of the one that only explores.
        answers: The cache.
        models: Keys and names of the router's endpoints.
        journal: Told of hits and misses.
    """
    task = tools.get(_TASK)
    if task is None or task.executor is None:
        return dict(tools)
    kept = _Explorations(task.executor, subagent, answers, models, journal)
    return {**tools, _TASK: task.set_executor(kept)}


class _Explorations(Around):
    """Hands an exploration on only if the same was not asked of the same files."""

    def __init__(
        self,
        inner: ToolExecutor[Any, Any],
        subagent: str,
        answers: Answers,
        models: Sequence[tuple[str, str]],
        journal: TelemetryRecorder,
    ) -> None:
        super().__init__(inner)
        self._subagent = subagent
        self._answers = answers
        self._models = models
        self._journal = journal

    def __call__(
        self, action: TaskAction, conversation: LocalConversation | None = None
    ) -> TaskObservation:
        key = self._key(action, conversation)
        if key is None or conversation is None:
            return self._inner(action, conversation)
        known = self._find(key)
        self._journal.note(
            NAME,
            "miss" if known is None else "hit",
            conversation_id=str(conversation.id),
            time=time.time(),
        )
        if known is not None:
            return known
        observation = self._inner(action, conversation)
        # An explorer has a terminal: what it answers holds of the files after it.
        if self._key(action, conversation) == key:
            self._keep(key, observation)
        return observation

    def _key(
        self, action: TaskAction, conversation: LocalConversation | None
    ) -> str | None:
        if conversation is None or action.resume:
            return None
        if action.subagent_type != self._subagent:
            return None
        try:
            workspace = Path(conversation.workspace.working_dir)
            files = Repository.of(workspace).snapshot()
        except (GitError, OSError):
            return None
        about = {"files": files, "place": str(workspace), "models": self._models}
        return digest({"prompt": action.prompt, **about})

    def _find(self, key: str) -> TaskObservation | None:
        try:
            text = self._answers.find(key)
            return TaskObservation.model_validate_json(text) if text else None
        except Exception as error:
            logger.error("no kept answer looked up: %s", type(error).__name__)
            return None

    def _keep(self, key: str, observation: TaskObservation) -> None:
        try:
            if not observation.is_error:
                said = [TextContent(text=_NOTICE), *observation.content]
                kept = observation.model_copy(update={"content": said})
                self._answers.keep(key, kept.model_dump_json())
        except Exception as error:
            logger.error("answer not kept: %s", type(error).__name__)
