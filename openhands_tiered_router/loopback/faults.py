"""What can go wrong at a provider, and a plan of when it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """Base class of everything that can go wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpError(Fault):
    """An error status in the words of the request's wire format."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overloaded(Fault):
    """Anthropic's 529 ``overloaded_error``; OpenAI says 503 in this case."""


@dataclass(frozen=True, slots=True)
class QuotaExhausted(Fault):
    """Out of credit, which waiting does not cure.

    OpenAI says 429 with the code ``insufficient_quota``; Anthropic, 400.
    """


@dataclass(frozen=True, slots=True)
class ContextTooLong(Fault):
    """The prompt exceeds the window: each wire format's own words for it."""

    window: int = 128_000
    tokens: int = 131_072


@dataclass(frozen=True, slots=True)
class Hang(Fault):
    """Take the request and never answer, until the client or provider closes."""


@dataclass(frozen=True, slots=True)
class ResetConnection(Fault):
    """Drop the TCP connection without an answer."""


@dataclass(frozen=True, slots=True)
class SlowFirstByte(Fault):
    """Answer properly, but only after that many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CutStream(Fault):
    """Close the connection after that many events of the stream.

    A plain answer is cut in the middle of its body.
    """

    after: int = 3


@dataclass(frozen=True, slots=True)
class MalformedChunk(Fault):
    """Send one event that is not JSON, after that many proper ones.

    A plain answer is not JSON as a whole.
    """

    after: int = 2


@dataclass(frozen=True, slots=True)
class EmptyAnswer(Fault):
    """Status 200 with no choice, output item or content block in it."""


@dataclass(frozen=True, slots=True)
class Body(Fault):
    """Status 200 with these bytes in the place of an answer."""

    data: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Drip(Fault):
    """Status 200, then these bytes over and over, until the client closes."""

    data: bytes
    content_type: str = "application/json"
    seconds: float = 0.05
    """Between two of them."""


def rate_limited(retry_after: float | None = 1.0) -> HttpError:
    """A 429 that waiting cures; ``retry_after`` in seconds, ``None``: no header."""
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return HttpError(
        status=429,
        message="Rate limit reached for requests. Please try again later.",
        type="rate_limit_error",
        code="rate_limit_exceeded",
        headers=headers,
    )


def unauthorized() -> HttpError:
    """401: the key is wrong."""
    return HttpError(
        status=401,
        message="Incorrect API key provided.",
        type="authentication_error",
        code="invalid_api_key",
    )


def forbidden() -> HttpError:
    """403: the key may not use this model."""
    return HttpError(
        status=403,
        message="Your account does not have permission to use this resource.",
        type="permission_error",
    )


def not_found() -> HttpError:
    """404: no such model."""
    return HttpError(
        status=404,
        message="The model does not exist or you do not have access to it.",
        type="not_found_error",
        code="model_not_found",
    )


def bad_request(message: str, *, code: str | None = None) -> HttpError:
    """400 with that message."""
    return HttpError(status=400, message=message, code=code)


def too_large() -> HttpError:
    """413: the request has too many bytes."""
    return HttpError(
        status=413,
        message="Request exceeds the maximum size.",
        type="request_too_large",
    )


def server_error(status: int = 500) -> HttpError:
    """500, 502, 503 and the like: the provider's own trouble."""
    return HttpError(
        status=status,
        message="The server had an error while processing your request.",
        type="api_error",
    )


@dataclass(slots=True)
class _Planned:
    fault: Fault
    model: str | None
    first: int
    """Number of the first call that it may hit."""
    left: int | None
    """How many calls it still hits; ``None``: no end."""


class FaultPlan:
    """Faults to come. The oldest entry that fits a call decides it.

    Call numbers count from 1: the model's calls if a model is named, else all.
    """

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def next(self, fault: Fault, *, model: str | None = None, times: int = 1) -> None:
        """Hit the next ``times`` calls (to ``model``)."""
        self._planned.append(_Planned(fault, model, 0, times))

    def always(self, fault: Fault, *, model: str | None = None) -> None:
        """Hit every call (to ``model``) until :meth:`clear`."""
        self._planned.append(_Planned(fault, model, 0, None))

    def at(self, number: int, fault: Fault, *, model: str | None = None) -> None:
        """Hit the first call (to ``model``) whose number is ``number`` or more."""
        self._planned.append(_Planned(fault, model, number, 1))

    def clear(self, *, model: str | None = None) -> None:
        """Forget all faults; with ``model``, only those planned for it."""
        self._planned = [
            p for p in self._planned if model is not None and p.model != model
        ]

    def take(self, model: str, number: int, model_number: int) -> Fault | None:
        """The fault that hits this call, counted as used; ``None``: none does."""
        for planned in self._planned:
            if planned.model not in (None, model):
                continue
            count = number if planned.model is None else model_number
            if count < planned.first:
                continue
            if planned.left is not None:
                planned.left -= 1
                if planned.left == 0:
                    self._planned.remove(planned)
            return planned.fault
        return None
