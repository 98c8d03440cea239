"""Which models of the table of published results can be called from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.config.keys import USUAL_VARIABLES
from openhands_tiered_router.policy.economics.price_book import PriceBook
from openhands_tiered_router.policy.value.table import Table


_MAKERS: Final = (
    "anthropic", "openai", "gemini", "deepseek", "minimax", "moonshot", "zai",
    "dashscope",
)  # fmt: skip
"""Asked before resellers, which charge the same or more."""
_RESELLERS: Final = ("openrouter", "together_ai", "fireworks_ai", "deepinfra")
_KINDS: Final = frozenset({"chat", "responses"})


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to call a model."""

    model: str
    """litellm model string."""
    provider: str
    variable: str
    """Environment variable that holds, or would hold, the provider's key."""
    at_hand: bool
    """Whether that is set."""


def offers(
    table: Table, book: PriceBook, environ: Mapping[str, str]
) -> dict[str, Offer]:
    """The best offer for each of the table's models, by the table's name.

    One whose key is set goes first, then the model's maker, then resellers.
    """
    found: dict[str, Offer] = {}
    for model, provider in _listed(book):
        name = table.find(model)
        if name is None or provider not in (*_MAKERS, *_RESELLERS):
            continue
        full = model if model.startswith(f"{provider}/") else f"{provider}/{model}"
        variable, at_hand = _key(provider, environ)
        offer = Offer(full, provider, variable, at_hand)
        if name not in found or _rank(offer) < _rank(found[name]):
            found[name] = offer
    return found


def _listed(book: PriceBook) -> Iterable[tuple[str, str]]:
    for model in book.names():
        row = book.row(model) or {}
        if row.get("mode") in _KINDS:
            yield model, str(row["litellm_provider"])


def _key(provider: str, environ: Mapping[str, str]) -> tuple[str, bool]:
    names = USUAL_VARIABLES.get(provider, (f"{provider.upper()}_API_KEY",))
    held = next((name for name in names if environ.get(name, "").strip()), None)
    return held or names[0], held is not None


def _rank(offer: Offer) -> tuple[bool, int, int, str]:
    order = (*_MAKERS, *_RESELLERS)
    # The shortest name is the release that moves with the maker's fixes.
    return (
        not offer.at_hand, order.index(offer.provider), len(offer.model), offer.model
    )  # fmt: skip
