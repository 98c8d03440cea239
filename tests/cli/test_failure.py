"""Plain words for what a run failed of, here and on a server."""

from __future__ import annotations

from uuid import uuid4

import pytest
from litellm.exceptions import AuthenticationError
from openhands.sdk.conversation.exceptions import ConversationRunError
from openhands.sdk.event.conversation_error import ConversationErrorEvent
from openhands.sdk.llm import exceptions

from openhands_tiered_router.cli.failure import failure_of


def local(cause: Exception) -> ConversationRunError:
    return ConversationRunError(uuid4(), cause, persistence_dir="/kept")


def served(code: str, said: str = "It said so") -> ConversationRunError:
    event = ConversationErrorEvent(source="environment", code=code, detail=said)
    cause = RuntimeError(f"{code}: {said}")
    return ConversationRunError(uuid4(), cause, conversation_error=event)


REFUSED = AuthenticationError(
    "AuthenticationError: OpenAIException - No such key.", "openai", "gpt-4o"
)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (local(REFUSED), "auth", "No such key."),
        (local(exceptions.LLMRateLimitError("Slow down")), "rate_limit", "Slow down"),
        (served("LLMAuthenticationError"), "auth", "It said so"),
        (served("NotFoundError"), "not_found", "It said so"),
        (served("LLMServiceUnavailableError"), "overloaded", "It said so"),
        (
            served("LLMServiceUnavailableError", "Connection error."),
            "connection",
            "Connection error.",
        ),
        (local(KeyError("x")), "other", "'x'"),
        (served("SomethingNew"), "other", "It said so"),
    ],
)
def test_what_failed_is_told_without_the_sdk_s_words(error, kind, said) -> None:
    failure = failure_of(error)
    assert (failure.kind, failure.said) == (kind, said)
    assert "bug report" in str(error) or error.conversation_error
    assert "bug report" not in failure.what + failure.said + failure.remedy


def test_an_unknown_error_is_told_by_its_type() -> None:
    assert failure_of(local(KeyError("x"))).what == "The run failed with KeyError"
    assert failure_of(served("NewError")).what == "The run failed with NewError"


def test_keys_in_what_was_said_are_not_shown() -> None:
    failure = failure_of(local(RuntimeError("Authorization: Bearer sk-abcdefghijklmn")))
    assert "abcdefghijklmn" not in failure.said
