"""The configuration in the forms that other programs read; never with a key.

Such a program knows one model, one address and one key: those of the gateway.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import yaml

from openhands_tiered_router.cli.shown import without_secrets
from openhands_tiered_router.config import RouterConfig, tier_set
from openhands_tiered_router.config.keys import PLACEHOLDER
from openhands_tiered_router.gateway.call import MODEL
from openhands_tiered_router.gateway.proxy_config import proxy_config
from openhands_tiered_router.gateway.settings import KEY


@dataclass(frozen=True, slots=True)
class Gateway:
    """``tiered-router serve``, as its clients see it."""

    address: str
    windows: Mapping[str, int]
    """Largest context window, tokens, of each configured tier; 0: unknown."""

    @classmethod
    def of(cls, config: RouterConfig, address: str) -> Gateway:
        """The gateway of that configuration.

        Raises:
            ConfigError: A profile cannot be read.
        """
        windows = dict.fromkeys(map(str, config.tiers.configured()), 0)
        for endpoint in tier_set(config).endpoints:
            tier, window = str(endpoint.tier), endpoint.max_input_tokens or 0
            windows[tier] = max(windows[tier], window)
        return cls(address.rstrip("/"), windows)

    @property
    def base_url(self) -> str:
        """For clients of OpenAI's API."""
        return f"{self.address}/v1"

    @property
    def window(self) -> int:
        """Tokens that some tier takes."""
        return max(self.windows.values())


_NOTES: Final = (
    f"All tiers, through the gateway: tiered-router serve, with {KEY} set to the same "
    "key there and here.",
    "Budgets, failover and the record are the gateway's. Lost: loop guard, "
    "verification and confirmation, which need the router in the agent.",
)


def environment(gateway: Gateway) -> str:
    """Shell lines for all that read ``LLM_MODEL`` and the like."""
    usage = (
        "LLM.load_from_env() and scripts that read LLM_*; so does the OpenHands CLI:",
        'openhands --headless --override-with-envs -t "..."',
    )
    shell = {
        "LLM_MODEL": f"openai/{MODEL}",
        "LLM_BASE_URL": shlex.quote(gateway.base_url),
        "LLM_API_KEY": f'"${KEY}"',
    }
    if gateway.window:
        shell["LLM_MAX_INPUT_TOKENS"] = str(gateway.window)
    return _lines((*_NOTES, *usage), shell)


def claude_code(gateway: Gateway) -> str:
    """Shell lines for Claude Code and Anthropic's clients."""
    shell = {
        "ANTHROPIC_BASE_URL": shlex.quote(gateway.address),
        "ANTHROPIC_AUTH_TOKEN": f'"${KEY}"',
        "ANTHROPIC_MODEL": MODEL,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": f"{MODEL}/simple",
    }
    return _lines(_NOTES, shell)


def headless(gateway: Gateway) -> str:
    """``config.toml`` of OpenHands before the SDK: ``[llm]``, and a table a tier."""
    notes = (
        *_NOTES,
        "config.toml of OpenHands' headless mode (openhands-ai up to 1.6.0).",
        f'The key of [llm] comes from the environment: LLM_API_KEY="${KEY}".',
    )
    lines = [*_comments(notes), *_table("llm", MODEL, gateway, gateway.window)]
    for tier, window in gateway.windows.items():
        # LLM_API_KEY reaches [llm] alone; other tables' keys LiteLLM looks for.
        key = f'Its key: OPENAI_API_KEY="${KEY}", for LiteLLM to find.'
        table = _table(f"llm.{tier}", f"{MODEL}/{tier}", gateway, window)
        lines += ["", *_comments([key]), *table]
    return "\n".join(lines) + "\n"


def _table(name: str, model: str, gateway: Gateway, window: int) -> list[str]:
    lines = [f"[{name}]", f'model = "openai/{model}"']
    lines.append(f"base_url = {json.dumps(gateway.base_url)}")
    return [*lines, f"max_input_tokens = {window}"] if window else lines


def resolver(gateway: Gateway) -> str:
    """The ``env`` of a GitHub Actions job that runs an agent script."""
    env = {
        "LLM_MODEL": f"openai/{MODEL}",
        "LLM_BASE_URL": gateway.base_url,
        "LLM_API_KEY": f"${{{{ secrets.{KEY} }}}}",
    }
    notes = [*_NOTES, "env of a GitHub Actions step or job."]
    if "127.0.0.1" in gateway.address:
        notes.append("The address is the runner's own: start the gateway in the job.")
    return "\n".join(_comments(notes)) + "\n" + yaml.safe_dump({"env": env})


def litellm(config: RouterConfig) -> str:
    """LiteLLM's own configuration file: what ``tiered-router serve`` starts it with.

    Raises:
        ConfigError: It cannot be served.
    """
    proxy = proxy_config(config, os.environ)
    notes = [
        "tiered-router serve starts LiteLLM with this; so does litellm --config FILE.",
        *(
            f"Set {name} to any text: that server needs no key."
            if value == PLACEHOLDER
            else f"Set {name} to the key that your configuration holds."
            for name, value in proxy.variables.items()
        ),
    ]
    # Through JSON, so that YAML repeats what is equal instead of pointing at it.
    plain = without_secrets(json.loads(json.dumps(proxy.settings)))
    body = yaml.safe_dump(plain, sort_keys=False)
    return "\n".join(_comments(notes)) + "\n" + body


def _lines(notes: Iterable[str], shell: Mapping[str, str]) -> str:
    exports = [f"export {name}={value}" for name, value in shell.items()]
    return "\n".join([*_comments(notes), *exports]) + "\n"


def _comments(notes: Iterable[str]) -> list[str]:
    return [f"# {note}" for note in notes]
