"""What can go wrong at a provider, and a plan of when it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


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


_REFUSALS: Final = {
    401: ("Incorrect API key provided.", "authentication_error", "invalid_api_key"),
    403: ("Your account may not use this resource.", "permission_error", None),
    404: ("The model does not exist.", "not_found_error", "model_not_found"),
    413: ("Request exceeds the maximum size.", "request_too_large", None),
}


def refused(status: int) -> HttpError:
    """401: the key is wrong; 403: it may not use this model; 404: there is no such
    model; 413: the request has too many bytes."""
    message, type, code = _REFUSALS[status]
    return HttpError(status=status, message=message, type=type, code=code)


def bad_request(message: str, *, code: str | None = None) -> HttpError:
    """400 with that message."""
    return HttpError(status=400, message=message, code=code)


def server_error(status: int = 500) -> HttpError:
    """500, 502, 503 and the like: the provider's own trouble."""
    message = "The server had an error while processing your request."
    return HttpError(status=status, message=message, type="api_error")


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

    def clear(self) -> None:
        """Forget all faults."""
        self._planned = []

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
