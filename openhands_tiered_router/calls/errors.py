"""What kind of failure an exception of the SDK or litellm is."""

from __future__ import annotations

import contextlib
import email.utils
import json
import math
import re
import socket
import ssl
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import httpx
import openai
import pydantic
from litellm import exceptions as litellm_errors
from openhands.sdk.llm import exceptions as sdk_errors
from openhands.sdk.llm.exceptions.classifier import is_quota_exhaustion_error

from openhands_tiered_router.policy.outcome import ErrorKind
from openhands_tiered_router.redaction import redacted


_SDK_KINDS: Final[tuple[tuple[type[Exception], ErrorKind], ...]] = (
    (sdk_errors.LLMContextWindowExceedError, ErrorKind.CONTEXT),
    (sdk_errors.LLMMalformedConversationHistoryError, ErrorKind.BAD_REQUEST),
    (sdk_errors.LLMContentPolicyViolationError, ErrorKind.CONTENT_POLICY),
    (sdk_errors.LLMAuthenticationError, ErrorKind.AUTH),
    (sdk_errors.LLMRateLimitError, ErrorKind.RATE_LIMIT),
    (sdk_errors.LLMTimeoutError, ErrorKind.TIMEOUT),
    (sdk_errors.LLMBadRequestError, ErrorKind.BAD_REQUEST),
    (sdk_errors.LLMNoResponseError, ErrorKind.MALFORMED),
)
_STATUS_KINDS: Final[Mapping[int, ErrorKind]] = {
    400: ErrorKind.BAD_REQUEST,
    401: ErrorKind.AUTH,
    402: ErrorKind.QUOTA,
    403: ErrorKind.AUTH,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.OVERLOADED,
    413: ErrorKind.CONTEXT,
    422: ErrorKind.BAD_REQUEST,
    429: ErrorKind.RATE_LIMIT,
    504: ErrorKind.TIMEOUT,
}
"""Statuses that the SDK leaves unmapped reach us as litellm's own errors."""
_QUOTA_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_QUOTA_WORDS: Final = (
    "exceeded your current quota",  # OpenAI: 429, the code is lost on the way
    "credit balance is too low",  # Anthropic: 400
)
_PAYMENT: Final = re.compile(
    r"(?:Error code|status|HTTP(?:/[\d.]+)?)\W{0,3}402\b|402 Payment Required", re.I
)
_ADDRESS: Final = re.compile(
    r"name or service not known|nodename nor servname|getaddrinfo failed"
    r"|name resolution|certificate verify failed|no address associated",
    re.IGNORECASE,
)
_MAX_RETRY_AFTER: Final = 3_600.0
_SDK_TYPES: Final[Mapping[ErrorKind, type[sdk_errors.LLMError]]] = {
    ErrorKind.AUTH: sdk_errors.LLMAuthenticationError,
    ErrorKind.NOT_FOUND: sdk_errors.LLMBadRequestError,
    ErrorKind.BAD_REQUEST: sdk_errors.LLMBadRequestError,
    ErrorKind.CONTEXT: sdk_errors.LLMContextWindowExceedError,
    ErrorKind.RATE_LIMIT: sdk_errors.LLMRateLimitError,
    ErrorKind.QUOTA: sdk_errors.LLMRateLimitError,
    ErrorKind.TIMEOUT: sdk_errors.LLMTimeoutError,
}


_BY_MESSAGE: Final = frozenset(
    {
        *_SDK_TYPES.values(),
        sdk_errors.LLMServiceUnavailableError,
        sdk_errors.LLMNoResponseError,
        sdk_errors.LLMMalformedConversationHistoryError,
    }
)
"""The SDK's errors that are made of a message alone."""
_CLIENTS: Final = frozenset({"litellm", "openai", "anthropic", "aiohttp", "botocore"})
"""Packages whose own errors come from a provider."""


class CallbackFailed(Exception):
    """The caller's own token callback raised; the cause is what it raised."""


def kind_of(error: BaseException) -> ErrorKind:
    """The class of an error that a call to an endpoint ended with."""
    if not isinstance(error, Exception):
        return ErrorKind.CANCELLED
    if _out_of_credit(error):
        return ErrorKind.QUOTA
    if isinstance(error, AssertionError | pydantic.ValidationError | UnicodeError):
        return ErrorKind.MALFORMED
    for sdk_type, kind in _SDK_KINDS:
        if isinstance(error, sdk_type):
            return kind
    if isinstance(error, sdk_errors.LLMServiceUnavailableError):
        return _service_kind(error)
    for cause in _causes(error):
        if isinstance(cause, litellm_errors.Timeout):
            return ErrorKind.TIMEOUT
        status = getattr(cause, "status_code", None)
        if isinstance(status, int):
            return _STATUS_KINDS.get(status, _by_class(status))
    if isinstance(error, httpx.TimeoutException):
        return ErrorKind.TIMEOUT
    if isinstance(error, (httpx.TransportError, ConnectionError, TimeoutError)):
        return ErrorKind.CONNECTION
    unreadable = isinstance(error, json.JSONDecodeError)
    return ErrorKind.MALFORMED if unreadable else ErrorKind.OTHER


def is_final(error: Exception) -> bool:
    """Whether the agent itself deals with this error, so that no other try helps.

    Function-call validation and the like: the model answered, and was paid.
    """
    known = (
        sdk_errors.FunctionCallConversionError,
        sdk_errors.FunctionCallValidationError,
        sdk_errors.FunctionCallNotExistsError,
        sdk_errors.UserCancelledError,
        sdk_errors.OperationCancelled,
        sdk_errors.LLMContentPolicyViolationError,
        CallbackFailed,
    )
    return isinstance(error, known)


def is_local(error: BaseException) -> bool:
    """Whether no provider is behind it: a fault in this process, or the caller's own.

    Another endpoint would not help, and the caller knows the error by its type.
    """
    foreign = (
        sdk_errors.LLMError,
        openai.OpenAIError,
        httpx.HTTPError,
        httpx.InvalidURL,
        OSError,
        EOFError,
        # What the SDK and litellm make of a broken answer.
        AssertionError,
        json.JSONDecodeError,
        pydantic.ValidationError,
        UnicodeError,
    )
    return not any(
        isinstance(cause, foreign)
        or type(cause).__module__.partition(".")[0] in _CLIENTS
        or isinstance(getattr(cause, "status_code", None), int)
        for cause in _causes(error)
    )


def is_misaddressed(error: BaseException) -> bool:
    """Whether the address is at fault, which waiting seldom cures: there is no such
    name, or its certificate is not to be trusted."""
    return any(
        isinstance(cause, socket.gaierror | ssl.SSLCertVerificationError)
        or _ADDRESS.search(str(cause))
        for cause in _causes(error)
    )


def like(error: Exception, message: str) -> Exception:
    """An error of the same type, if the SDK has it, for clients that go by that."""
    if type(error) in _BY_MESSAGE:
        return type(error)(message)
    return sdk_error(kind_of(error), message)


def scrub(error: Exception, secrets: Collection[str]) -> Exception:
    """The same error, without what a provider quoted of keys and passwords.

    ``secrets``: those of the endpoint, whatever they look like.
    """
    for cause in _causes(error):
        said = [redacted(a, secrets) if isinstance(a, str) else a for a in cause.args]
        if list(cause.args) != said:
            cause.args = tuple(said)
        message = getattr(cause, "message", None)
        if isinstance(message, str):
            with contextlib.suppress(AttributeError):
                cause.message = redacted(message, secrets)  # pyright: ignore
    return error


def is_soft(error: Exception) -> bool:
    """Whether the agent goes on by itself after this error, by its type."""
    known = (
        sdk_errors.LLMContextWindowExceedError,
        sdk_errors.LLMMalformedConversationHistoryError,
    )
    return isinstance(error, known)


def retry_after(error: BaseException) -> float | None:
    """Seconds that the provider asked to wait, if it did."""
    for cause in _causes(error):
        response = getattr(cause, "response", None)
        for headers in (
            # litellm makes up a response of its own and keeps the real headers here.
            getattr(cause, "litellm_response_headers", None),
            getattr(response, "headers", None),
        ):
            seconds = _seconds(headers) if headers else None
            if seconds is not None:
                return min(max(seconds, 0.0), _MAX_RETRY_AFTER)
    return None


def sdk_error(kind: ErrorKind, message: str) -> sdk_errors.LLMError:
    """The SDK's own error for a class of failure."""
    return _SDK_TYPES.get(kind, sdk_errors.LLMServiceUnavailableError)(message)


def _out_of_credit(error: BaseException) -> bool:
    """By the SDK's own patterns, the provider's error code, or its words."""
    for cause in _causes(error):
        if getattr(cause, "code", None) in _QUOTA_CODES or _status(cause) == 402:
            return True
        text = str(cause).lower()
        if "retry in" in text:
            # Google uses the same words for a limit that passes in seconds.
            return False
        if is_quota_exhaustion_error(cause) or any(w in text for w in _QUOTA_WORDS):
            return True
    return False


def _status(error: BaseException) -> int | None:
    """The HTTP status; litellm turns 402, which it does not know, into 400 and keeps
    the provider's answer in the message alone."""
    response = getattr(error, "response", None)
    for holder in (error, response):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int) and status != 400:
            return status
    return 402 if _PAYMENT.search(str(error)) else None


def _service_kind(error: BaseException) -> ErrorKind:
    """Unreachable, or answering with a server error."""
    for cause in _causes(error):
        if isinstance(cause, litellm_errors.APIConnectionError):
            return ErrorKind.CONNECTION
        text = str(cause).lower()
        if "connection error" in text or "cannot connect" in text:
            return ErrorKind.CONNECTION
    return ErrorKind.OVERLOADED


def _by_class(status: int) -> ErrorKind:
    return ErrorKind.OVERLOADED if status >= 500 else ErrorKind.BAD_REQUEST


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, at most ten deep."""
    current: BaseException | None = error
    for _ in range(10):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__


def _seconds(headers: Any) -> float | None:
    """``retry-after-ms``, ``Retry-After`` in seconds, or as a date (RFC 9110)."""
    if milliseconds := headers.get("retry-after-ms"):
        return _number(milliseconds, 0.001)
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value, 1.0)
    if seconds is not None:
        return seconds
    try:
        return email.utils.parsedate_to_datetime(value).timestamp() - time.time()
    except (TypeError, ValueError):
        return None


def _number(text: str, unit: float) -> float | None:
    try:
        seconds = float(text) * unit
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
