"""List prices and abilities of models, from the table that litellm ships.

The table is read as a file, since importing litellm takes seconds. Names resolve
in the order of litellm's ``get_model_info``, so that an estimate made here and a
cost counted there come from the same row. Where litellm calls an unknown price
zero, this module says that it is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from openhands_tiered_router.tiers import LongContextPrices, Prices


_TABLE: Final = "model_prices_and_context_window_backup.json"
_LOCAL: Final = frozenset({"ollama", "ollama_chat", "lm_studio", "llamafile"})
"""Providers that run on the user's own machine: a token costs nothing there."""

_FREE: Final = Prices(input=0.0, output=0.0, cache_read=0.0, cache_write=0.0)
_PROXIES: Final = frozenset({"litellm_proxy", "openhands"})
"""Prefixes that say how a model is reached, not who made it."""

_BEDROCK_ROUTE: Final = re.compile(
    r"^(?:converse/|converse_like/|invoke/|[a-z]{2}(?:-gov)?-[a-z]+-\d/)+"
)
_BEDROCK_REGION: Final = re.compile(r"^(?:us|eu|apac|au|jp|global|us-gov)\.")
_DATED: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_LONG: Final = re.compile(r"input_cost_per_token_above_(\d+)k_tokens$")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the table says of one model; ``None``: it does not say."""

    name: str
    """The table's own name for it."""
    prices: Prices | None
    """USD per token."""
    max_input_tokens: int | None
    vision: bool | None
    tools: bool | None
    mode: str | None
    """``chat``, ``responses``, ``embedding``, ..."""


class PriceBook:
    """Looks models up in litellm's table.

    Thread-safe. The file is read on the first look-up, some 50 ms; each model is
    worked out once.
    """

    def __init__(self, path: Path | None = None) -> None:
        """``path`` is a table in litellm's format; the installed one if ``None``."""
        self._path = path
        self._found: dict[str, ModelInfo | None] = {}

    def info(self, model: str) -> ModelInfo | None:
        """What is known of the litellm model string ``model``; ``None``: nothing."""
        if model not in self._found:
            self._found[model] = self._look_up(model)
        return self._found[model]

    def prices(self, model: str) -> Prices | None:
        """List prices, USD per token; ``None``: not known. Zero means free."""
        info = self.info(model)
        return info.prices if info else None

    def mode(self, model: str) -> str | None:
        """The table's kind of model, such as ``chat``; ``None``: not known."""
        info = self.info(model)
        return info.mode if info else None

    def row(self, model: str) -> Mapping[str, Any] | None:
        """The table's own row for ``model``, in litellm's names; do not change it."""
        name = self._resolve(model)
        return self._rows[name] if name else None

    def names(self) -> Iterator[str]:
        """Every name that the table has."""
        return iter(self._rows)

    def like(self, model: str) -> str | None:
        """The table's name that comes closest to a misspelt one."""
        close = get_close_matches(model, self._rows, n=1, cutoff=0.75)
        return close[0] if close else None

    def dated_names(self, model: str) -> list[str]:
        """The table's names for dated releases of the model that ``model`` names."""
        name = self._resolve(model)
        if name is None:
            return []
        release = re.compile(re.escape(name) + r"-\d{4}-?\d{2}-?\d{2}")
        return [other for other in self._rows if release.fullmatch(other)]

    @cached_property
    def _table(self) -> dict[str, Any]:
        path = self._path or _installed_table()
        try:
            table = msgspec.json.decode(path.read_bytes()) if path else {}
        except (OSError, msgspec.DecodeError):
            return {}
        return table if isinstance(table, dict) else {}

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]]:
        return {
            name: row
            for name, row in self._table.items()
            if isinstance(row, dict) and "litellm_provider" in row
        }

    def _by_rule(self, model: str) -> dict[str, Any]:
        """What the table's rules say of models that have no row of their own.

        litellm's ``fallback_generalizations``: every rule that matches adds to it.
        A rule that names a provider only tells whose model it is, and is passed by.
        """
        if self._resolve(model) is not None:
            return {}
        able: dict[str, Any] = {}
        for rule in self._table.get("fallback_generalizations", {}).get("rules", ()):
            says = rule.get("model_info", {})
            if "litellm_provider" in says:
                continue
            if re.search(rule.get("pattern", "$^"), model, re.IGNORECASE):
                able |= says
        return able

    @cached_property
    def _lower_names(self) -> dict[str, str]:
        return {name.lower(): name for name in self._rows}

    @cached_property
    def _providers(self) -> frozenset[str]:
        return _LOCAL | {str(row["litellm_provider"]) for row in self._rows.values()}

    def _look_up(self, model: str) -> ModelInfo | None:
        provider, _ = self._split(model)
        name = self._resolve(model)
        row = self._rows[name] if name else {}
        able = {**self._by_rule(model), **row}
        if not able and provider not in _LOCAL:
            return None
        return ModelInfo(
            name=name or model,
            prices=_FREE if provider in _LOCAL else _prices_of(row),
            max_input_tokens=_int_of(able.get("max_input_tokens")),
            vision=_flag(able, "supports_vision"),
            tools=_flag(able, "supports_function_calling"),
            mode=able.get("mode"),
        )

    def _resolve(self, model: str) -> str | None:
        provider, rest = self._split(model)
        if provider in _PROXIES:
            return self._resolve(rest)
        for candidate in _candidates(model, provider, rest):
            name = self._name_of(candidate)
            if name and _same_provider(self._rows[name], provider):
                return name
        return None

    def _name_of(self, candidate: str) -> str | None:
        if candidate in self._rows:
            return candidate
        return self._lower_names.get(candidate.lower())

    def _split(self, model: str) -> tuple[str | None, str]:
        """Provider and model; no provider if the string does not name one."""
        provider, slash, rest = model.partition("/")
        if slash and (provider in _PROXIES or self._is_provider(provider)):
            return provider, rest
        return None, model

    def _is_provider(self, text: str) -> bool:
        return text in self._providers or text in ("vertex_ai", "bedrock")


@cache
def default_price_book() -> PriceBook:
    """The price book of the installed litellm, shared by the process."""
    return PriceBook()


def _installed_table() -> Path | None:
    spec = find_spec("litellm")
    places = spec.submodule_search_locations if spec else None
    paths = (Path(place, _TABLE) for place in places or ())
    return next((path for path in paths if path.is_file()), None)


def _candidates(model: str, provider: str | None, rest: str) -> Iterator[str]:
    """The table's possible names, in litellm's order (``_get_model_info_helper``)."""
    yield model
    if provider in ("bedrock", "bedrock_converse"):
        rest = _BEDROCK_ROUTE.sub("", rest)
    yield rest
    if provider in ("vertex_ai", "gemini"):
        short = re.sub(r"-\d+$", "", rest)
    elif provider in ("bedrock", "bedrock_converse"):
        short = _BEDROCK_REGION.sub("", rest)
    elif rest.startswith("ft:"):
        short = re.sub(r"(:[^:]*){3}$", "", rest)
    else:
        short = _DATED.sub("", rest)
    if provider:
        yield f"{provider}/{short}"
        yield short
        yield f"{provider}/{model}"
    yield short


def _same_provider(row: Mapping[str, Any], provider: str | None) -> bool:
    """Whether ``row`` holds for ``provider`` (litellm's ``_check_provider_match``)."""
    owner = str(row["litellm_provider"])
    if provider is None or owner == provider:
        return True
    if provider in ("vertex_ai", "fireworks_ai"):
        return owner.startswith(provider)
    if provider.startswith("bedrock"):
        return owner.startswith("bedrock")
    return provider == "azure_ai" and owner in ("azure", "openai")


def _prices_of(row: Mapping[str, Any]) -> Prices | None:
    entry = _price(row, "input_cost_per_token")
    output = _price(row, "output_cost_per_token")
    if entry is None or output is None:
        return None
    read = _price(row, "cache_read_input_token_cost")
    write = _price(row, "cache_creation_input_token_cost")
    return Prices(
        input=entry,
        output=output,
        cache_read=entry if read is None else read,
        cache_write=entry if write is None else write,
        cache_write_1h=_price(row, "cache_creation_input_token_cost_above_1hr"),
        long_context=_long_context_of(row),
    )


def _long_context_of(row: Mapping[str, Any]) -> LongContextPrices | None:
    limits = [int(found[1]) for key in row if (found := _LONG.fullmatch(key))]
    if not limits:
        return None
    limit = min(limits)
    suffix = f"_above_{limit}k_tokens"
    entry = _price(row, "input_cost_per_token" + suffix)
    if entry is None:
        return None
    output, read, write = (
        _price(row, name + suffix, _price(row, name))
        for name in (
            "output_cost_per_token",
            "cache_read_input_token_cost",
            "cache_creation_input_token_cost",
        )
    )
    if output is None:
        return None
    return LongContextPrices(
        above=limit * 1000,
        input=entry,
        output=output,
        cache_read=entry if read is None else read,
        cache_write=entry if write is None else write,
    )


def _price(
    row: Mapping[str, Any], name: str, default: float | None = None
) -> float | None:
    value = row.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    return default


def _int_of(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value > 0 else None


def _flag(row: Mapping[str, Any], name: str) -> bool | None:
    value = row.get(name)
    return value if isinstance(value, bool) else None
