"""What became of a decision's call: requests, errors, tokens, cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ErrorKind(StrEnum):
    """Why a call to an endpoint failed, in classes that call for the same answer."""

    AUTH = "auth"
    """401 or 403: the key is missing or wrong; waiting does not help."""
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    """The request is at fault, not the endpoint."""
    CONTEXT = "context"
    """The prompt is longer than the model's window."""
    CONTENT_POLICY = "content_policy"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    """Out of credit: a 429 that waiting does not cure."""
    OVERLOADED = "overloaded"
    """500, 502, 503, 529: the provider's own trouble."""
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    MALFORMED = "malformed"
    """The answer could not be read, or had no content."""
    CANCELLED = "cancelled"
    OTHER = "other"

    @property
    def words(self) -> str:
        """For people: what the endpoint did."""
        return _WORDS.get(self, self.value.replace("_", " "))


_WORDS: Final = {
    ErrorKind.AUTH: "key rejected",
    ErrorKind.NOT_FOUND: "model not found",
    ErrorKind.BAD_REQUEST: "request rejected",
    ErrorKind.CONTEXT: "prompt too long",
    ErrorKind.RATE_LIMIT: "rate limit reached",
    ErrorKind.QUOTA: "no credit left",
    ErrorKind.TIMEOUT: "no answer in time",
    ErrorKind.CONNECTION: "unreachable",
    ErrorKind.MALFORMED: "unreadable answer",
    ErrorKind.OTHER: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call. ``prompt`` includes the cached ones."""

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0

    @property
    def cached(self) -> bool:
        """Whether the provider said that it has the prompt, or wrote it."""
        return bool(self.cache_read or self.cache_write)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to one endpoint."""

    endpoint: str
    error: ErrorKind | None
    """``None``: it answered."""
    seconds: float
    """From sending to the end of the answer or the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a decision's call."""

    endpoint: str | None
    """The endpoint that answered; ``None``: none did."""
    attempts: tuple[Attempt, ...]
    usage: Usage = Usage()
    cost: float | None = None
    """USD as booked in the SDK's metrics; ``None``: the price is not known."""
    seconds: float = 0.0
    """Whole call, failover and waiting included."""
    first_token_seconds: float | None = None
    """To the first streamed chunk; ``None``: not streamed."""
    response_id: str | None = None
    hour_paid: float = 0.0
    """USD that writing to the cache for an hour cost more than for its usual life."""
    hour_saved: float = 0.0
    """USD saved by reading what would have died without that; see ``hour_effect``."""
    spared_results: int = 0
    """Tokens of tools' results that were left out of the prompt; an estimate."""
    spared_schemas: int = 0
    """Tokens of tools' schemas that were held back; an estimate."""
    spared_usd: float = 0.0
    """What both would have cost, at this prompt's average price a token."""
