"""Which key an endpoint calls its provider with."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from openhands_tiered_router.config.endpoint import EndpointConfig
from openhands_tiered_router.config.resolve import Target
from openhands_tiered_router.policy.economics.price_book import PriceBook


USUAL_VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_TOKEN"),
    "cerebras": ("CEREBRAS_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "moonshot": ("MOONSHOT_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"),
    "xai": ("XAI_API_KEY",),
}  # fmt: skip
"""Where litellm looks for a provider's key: the first is ours to pass on, any other
is left to litellm. Providers that are not listed may use ambient credentials."""

PLACEHOLDER: Final = "not-needed"
"""Sent where no key is needed: clients refuse to send none."""


@dataclass(frozen=True, slots=True)
class Key:
    """The key of an endpoint, or the variable that should hold one."""

    value: str | None = None
    """``None``: litellm finds one itself, or none is needed."""
    variable: str | None = None
    """The environment variable that it comes from, or is missing in."""
    missing: bool = False

    def __repr__(self) -> str:
        return f"Key(variable={self.variable!r}, missing={self.missing})"


def key_for(
    endpoint: EndpointConfig,
    target: Target,
    environ: Mapping[str, str],
    book: PriceBook,
) -> Key:
    """The key for ``endpoint``: its own, its variable's, or its provider's usual."""
    if endpoint.api_key is not None:
        return Key(endpoint.api_key.get_secret_value())
    if endpoint.api_key_env is not None:
        value = environ.get(endpoint.api_key_env, "").strip()
        return Key(value or None, endpoint.api_key_env, missing=not value)
    if endpoint.profile or endpoint.llm.get("auth_type") == "subscription":
        return Key()
    if is_local(target.base_url):
        return Key(PLACEHOLDER)  # or a client would send the provider's real key there
    return _usual_key(provider_of(target.model, book), target, environ)


def _usual_key(provider: str | None, target: Target, environ: Mapping[str, str]) -> Key:
    names = USUAL_VARIABLES.get(provider or "", ())
    if not names:
        return Key()
    value = environ.get(names[0], "").strip()
    if value:
        return Key(value, names[0])
    if any(environ.get(name) for name in names[1:]):
        return Key()
    if target.base_url is not None:
        return Key(PLACEHOLDER)
    return Key(None, names[0], missing=True)


def provider_of(model: str, book: PriceBook) -> str | None:
    """litellm's provider of a model string; ``None`` if it does not tell."""
    prefix, slash, _ = model.partition("/")
    if slash:
        return prefix
    row = book.row(model)
    return str(row["litellm_provider"]) if row else None


def is_local(base_url: str | None) -> bool:
    """Whether the address is on this machine."""
    host = urlsplit(base_url).hostname if base_url else None
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
