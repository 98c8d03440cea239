"""What a run failed of, in plain words, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.policy.outcome import ErrorKind


_SHOWN: Final = 300
"""Characters of what the provider said."""

_TOLD: Final[dict[ErrorKind, tuple[str, str]]] = {
    ErrorKind.AUTH: (
        "The provider rejected the key",
        "Set the variable that api_key_env names; `tiered-router doctor` shows which",
    ),
    ErrorKind.NOT_FOUND: (
        "The provider does not know this model or address",
        "Check model and base_url in the configuration",
    ),
    ErrorKind.QUOTA: (
        "The account at the provider has no credit left",
        "Add credit, or give the tier an endpoint of another provider",
    ),
    ErrorKind.RATE_LIMIT: (
        "The provider's rate limit is reached",
        "Wait; or give the tier more endpoints, or [dispatch] a longer total_timeout",
    ),
    ErrorKind.OVERLOADED: (
        "The provider is overloaded or failing",
        "Wait; or give the tier an endpoint of another provider",
    ),
    ErrorKind.TIMEOUT: (
        "The provider did not answer in time",
        "Run again; or raise the endpoint's timeout",
    ),
    ErrorKind.CONNECTION: (
        "The provider cannot be reached",
        "Check the network, and base_url in the configuration",
    ),
    ErrorKind.CONTEXT: (
        "The conversation is longer than the model's window",
        "Give this tier, or one above it, a model with a larger window",
    ),
    ErrorKind.CONTENT_POLICY: (
        "The provider's content policy rejected the request",
        "Put the task in other words, or use another provider",
    ),
    ErrorKind.BAD_REQUEST: (
        "The provider rejected the request as invalid",
        "Check the endpoint's fields in the configuration",
    ),
    ErrorKind.MALFORMED: (
        "The provider's answer could not be read",
        "Run again; if it happens again, check that base_url is the model's API",
    ),
}
_OTHER: Final = ("The run failed", "Run again with LOG_LEVEL=DEBUG to see more")

_NAMES: Final = {
    "AuthenticationError": ErrorKind.AUTH,
    "PermissionDeniedError": ErrorKind.AUTH,
    "NotFoundError": ErrorKind.NOT_FOUND,
    "RateLimitError": ErrorKind.RATE_LIMIT,
    "ServiceUnavailableError": ErrorKind.OVERLOADED,
    "InternalServerError": ErrorKind.OVERLOADED,
    "BadGatewayError": ErrorKind.OVERLOADED,
    "TimeoutError": ErrorKind.TIMEOUT,
    "Timeout": ErrorKind.TIMEOUT,
    "APIConnectionError": ErrorKind.CONNECTION,
    "ContextWindowExceedError": ErrorKind.CONTEXT,
    "ContentPolicyViolationError": ErrorKind.CONTENT_POLICY,
    "BadRequestError": ErrorKind.BAD_REQUEST,
    "NoResponseError": ErrorKind.MALFORMED,
}
"""By the ends of the names of errors: all that a server tells of them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run failed."""

    kind: ErrorKind
    what: str
    said: str
    """What the provider, or the program, said itself."""
    remedy: str


def failure_of(error: BaseException) -> Failure:
    """What came of a run, from the error that it raised."""
    from openhands.sdk.conversation.exceptions import ConversationRunError

    from openhands_tiered_router.calls.errors import kind_of

    if not isinstance(error, ConversationRunError):
        return _failure(kind_of(error), type(error).__name__, str(error))
    event = error.conversation_error
    cause = error.original_exception
    kind = kind_of(cause)
    if event is None or kind is not ErrorKind.OTHER:
        return _failure(kind, type(cause).__name__, str(cause))
    known = (k for name, k in _NAMES.items() if event.code.endswith(name))
    found = next(known, ErrorKind.OTHER)
    if found is ErrorKind.OVERLOADED and "connection error" in event.detail.lower():
        found = ErrorKind.CONNECTION
    return _failure(found, event.code, event.detail)


def _failure(kind: ErrorKind, name: str, said: str) -> Failure:
    from openhands_tiered_router.redaction import redacted

    what, remedy = _TOLD.get(kind, _OTHER)
    if kind not in _TOLD:
        what = f"{what} with {name}"
    words = redacted(" ".join(said.split()))
    # litellm puts the names of its own errors before the provider's words.
    words = words.rpartition("Exception - ")[2] or words
    return Failure(kind, what, _message(words)[:_SHOWN], remedy)


def _message(words: str) -> str:
    """The sentence in a provider's JSON, if the words are that."""
    try:
        error = json.loads(words)["error"]
        return str(error["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return words
