"""The table of one endpoint: a model behind an address, its key and its prices."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from openhands_tiered_router.config.llm_fields import (
    RESERVED,
    SECRETS,
    llm_field_names,
)
from openhands_tiered_router.fields import Count, Number, Section
from openhands_tiered_router.redaction import looks_secret
from openhands_tiered_router.tiers import (
    Limits,
    LongContextPrices,
    Prices,
)


Price = Annotated[Number, Field(ge=0, lt=1)]
"""USD per token. A dollar a token is a price per million by mistake."""

_LONG_CONTEXT: Final = re.compile(
    r"(input_cost_per_token|output_cost_per_token|cache_read_input_token_cost"
    r"|cache_creation_input_token_cost)_above_(\d{1,5})k_tokens"
)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BESIDE_PROFILE: Final = {
    "profile", "weight", "rpm", "tpm", "cache_ttl", "vision",
    "tools", "max_input_tokens", "success", "task_usd",
    "input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "cache_creation_input_token_cost_above_1hr", "long_context",
}  # fmt: skip


class EndpointConfig(Section):
    """One model behind one address.

    Fields of the SDK's ``LLM`` beside those below may stand in the table too.
    """

    model: str | None = Field(default=None, min_length=1)
    """litellm model string, such as ``anthropic/claude-opus-4-5``."""
    profile: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
    )
    """Name of an OpenHands LLM profile, instead of ``model``."""
    base_url: str | None = None
    """Address of the provider, if it is not the usual one."""
    api_key_env: str | None = None
    """Environment variable that holds the key; the provider's usual one if unset."""
    api_key: SecretStr | None = None
    """The key itself. Works, with a warning: a key belongs in the environment."""
    weight: Annotated[Number, Field(gt=0, le=1_000_000)] = 1.0
    """Share of the tier's calls, relative to its other endpoints."""
    cache_ttl: Annotated[Number, Field(ge=0, le=604_800)] | None = None
    """Seconds that the provider keeps a prompt prefix, from the start of the last
    request that used it; what the provider states if unset."""
    rpm: Annotated[Count, Field(ge=1)] | None = None
    """Requests that it may get in any 60 seconds."""
    tpm: Annotated[Count, Field(ge=1)] | None = None
    """Tokens that it may get and give in any 60 seconds, cached ones included."""
    vision: bool | None = None
    """Whether the model sees images; litellm's table says if unset."""
    tools: bool | None = None
    """Whether the model calls tools; litellm's table says if unset."""
    max_input_tokens: Annotated[Count, Field(ge=1)] | None = None
    """Context window, tokens; litellm's table says if unset."""
    input_cost_per_token: Price | None = None
    """USD per token of input; litellm's table says if unset."""
    output_cost_per_token: Price | None = None
    """USD per token of output; goes with ``input_cost_per_token``."""
    cache_read_input_token_cost: Price | None = None
    """USD per token read from the provider's cache; the input price if unset."""
    cache_creation_input_token_cost: Price | None = None
    """USD per token written to the provider's cache; the input price if unset."""
    cache_creation_input_token_cost_above_1hr: Price | None = None
    """USD per token written to a cache that is kept for an hour; twice the input
    price if unset and a write costs 1.25 times that."""
    success: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Share of your tasks that it solves alone, in [0, 1]; else the package's table of
    published results says, where it knows the model."""
    task_usd: Annotated[Number, Field(ge=0, le=10_000)] | None = None
    """USD that it spends on a task alone; else the same table says."""
    long_context: dict[str, Price] = Field(default_factory=dict)
    """Prices for prompts longer than N thousand tokens, by litellm's names:
    ``input_cost_per_token_above_200k_tokens`` and the like."""
    llm: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Further fields of the SDK's ``LLM``; written beside the others."""

    @model_validator(mode="before")
    @classmethod
    def _sort_keys(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"model": data}
        if not isinstance(data, dict):
            return data
        gathered = [name for name in ("llm", "long_context") if name in data]
        if gathered:
            raise ValidationError.from_exception_data(
                cls.__name__,
                [_error(n, "is not a key", "Write what it holds beside the other keys")
                 for n in gathered],
            )  # fmt: skip
        table = dict(data)
        unknown = [k for k in table if isinstance(k, str) and k not in cls.model_fields]
        long_context = {k: table.pop(k) for k in unknown if _LONG_CONTEXT.fullmatch(k)}
        if long_context:
            table["long_context"] = long_context
        llm = _take_llm_fields(table, [k for k in unknown if k in table])
        if llm:
            table["llm"] = llm
        return table

    @field_validator("model")
    @classmethod
    def _check_model(cls, value: str | None) -> str | None:
        if value is not None and re.search(r"\s", value):
            raise PydanticCustomError(
                "model",
                "is not a litellm model string",
                {"remedy": "Write provider/model without blanks"},
            )
        return value

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str | None) -> str | None:
        try:
            url = urlsplit(value or "http://unset")
            valid = (
                url.scheme in ("http", "https")
                and bool(url.hostname)
                and (url.port is None or url.port > 0)
            )
        except ValueError:
            valid = False
        if not valid:
            raise PydanticCustomError(
                "base_url",
                "is not an http(s) address",
                {"remedy": "Write it like http://localhost:11434"},
            )
        return value

    @field_validator("api_key_env")
    @classmethod
    def _check_variable(cls, value: str | None) -> str | None:
        if value is not None and (
            not _VARIABLE.fullmatch(value) or looks_secret(value)
        ):
            raise PydanticCustomError(
                "api_key_env",
                "is not the name of an environment variable",
                {"remedy": "Write the variable's name, such as OPENAI_API_KEY, "
                 "and put the key into that variable"},
            )  # fmt: skip
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        errors = [*self._model_errors(), *self._price_errors()]
        if errors:
            raise ValidationError.from_exception_data("EndpointConfig", errors)
        return self

    def prices(self) -> Prices | None:
        """The prices of this table, USD per token; ``None``: it gives none."""
        entry, output = self.input_cost_per_token, self.output_cost_per_token
        if entry is None or output is None:
            return None
        return Prices(
            input=entry,
            output=output,
            cache_read=_first(self.cache_read_input_token_cost, entry),
            cache_write=_first(self.cache_creation_input_token_cost, entry),
            cache_write_1h=self.cache_creation_input_token_cost_above_1hr,
            long_context=self._long_context_prices(),
        )

    def limits(self) -> Limits:
        """The rates of this table."""
        return Limits(rpm=self.rpm, tpm=self.tpm)

    def _long_context_prices(self) -> LongContextPrices | None:
        if not self.long_context:
            return None
        by_name = {_kind(k)[0]: v for k, v in self.long_context.items()}
        above = _kind(next(iter(self.long_context)))[1]
        entry = by_name["input_cost_per_token"]
        return LongContextPrices(
            above=above,
            input=entry,
            output=by_name["output_cost_per_token"],
            cache_read=by_name.get("cache_read_input_token_cost", entry),
            cache_write=by_name.get("cache_creation_input_token_cost", entry),
        )

    def _model_errors(self) -> list[InitErrorDetails]:
        if self.profile is not None:
            outside = (self.model_fields_set - _BESIDE_PROFILE - {"llm"}) | {*self.llm}
            return [
                _error(name, "cannot be combined with profile", "Set it in the profile")
                for name in sorted(outside)
            ]
        if self.model is None:
            remedy = 'Write model = "provider/model", or the name of a profile'
            return [_error("model", "is missing", remedy)]
        return []

    def _price_errors(self) -> list[InitErrorDetails]:
        base = ("input_cost_per_token", "output_cost_per_token")
        missing = [name for name in base if getattr(self, name) is None]
        priced = self.long_context or any(
            value is not None for name, value in self if "_cost" in name
        )
        if priced and missing:
            return [
                _error(name, "is missing beside the other prices", "Add it, or "
                       "remove the prices to use litellm's table")
                for name in missing
            ]  # fmt: skip
        return _long_context_errors(self.long_context)


def _long_context_errors(prices: dict[str, float]) -> list[InitErrorDetails]:
    if not prices:
        return []
    limits = sorted({_kind(name)[1] for name in prices})
    if len(limits) > 1:
        return [
            _error(
                name,
                "is a second limit for long prompts",
                f"Keep the prices above {limits[0] // 1000}k tokens only",
            )
            for name in prices
            if _kind(name)[1] != limits[0]
        ]
    suffix = f"_above_{limits[0] // 1000}k_tokens"
    return [
        _error(name + suffix, "is missing beside the other long-prompt prices",
               "Add it, or remove them all")
        for name in ("input_cost_per_token", "output_cost_per_token")
        if name + suffix not in prices
    ]  # fmt: skip


def _kind(name: str) -> tuple[str, int]:
    match = _LONG_CONTEXT.fullmatch(name)
    assert match is not None
    return match[1], int(match[2]) * 1000


def _first(value: float | None, default: float) -> float:
    return default if value is None else value


def _error(name: str, message: str, remedy: str) -> InitErrorDetails:
    context = {"text": message, "remedy": remedy}
    kind = PydanticCustomError("endpoint", "{text}", context)
    return InitErrorDetails(type=kind, loc=(name,), input=None)


def _take_llm_fields(table: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Move the SDK's fields out of ``table``; what stays is an unknown key."""
    if not names:
        return {}
    known = llm_field_names()
    return {
        name: SecretStr(value) if name in SECRETS and isinstance(value, str) else value
        for name in names
        if name not in RESERVED and (known is None or name in known)
        for value in (table.pop(name),)
    }
