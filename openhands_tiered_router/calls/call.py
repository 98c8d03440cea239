"""What carrying a call out needs to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from openhands.sdk.llm import LLMResponse

from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.tiers import Endpoint


def _nobody_told(_: Endpoint, __: int, ___: Exception) -> None:
    pass


def _nothing_used(_: LLMResponse) -> Usage:
    return Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """One call, whatever endpoint it goes to. The defaults say that nothing is known.

    ``usage`` and ``first_token`` must not raise.
    """

    prompt_tokens: int = 0
    """Estimate."""
    answer_tokens: int = 0
    """Estimate: limits on tokens count answers too, some as soon as they are begun."""
    streams: Callable[[Endpoint], bool] = lambda _: False
    usage: Callable[[LLMResponse], Usage] = _nothing_used
    first_token: Callable[[], float | None] = lambda: None
    """Seconds from sending to the first chunk of the attempt that is under way;
    ``None``: it was not streamed."""
    own_attempts: Callable[[Endpoint], bool] = lambda _: False
    """Whether its model was given a number of attempts. It makes them by itself, and a
    call goes there once."""
    retrying: Callable[[Endpoint, int, Exception], None] = _nobody_told
    """Called before a further attempt: where the last one failed, how many there were,
    and its error. What it raises ends the call."""
