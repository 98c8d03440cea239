"""Clients in the forms of the programs that they are for."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import yaml

from openhands_tiered_router.cli.export.client import Client
from openhands_tiered_router.cli.export.shown import without_secrets
from openhands_tiered_router.config.keys import PLACEHOLDER
from openhands_tiered_router.gateway.call import MODEL


_PREFIX: Final = "openai/"


def environment(client: Client) -> str:
    """Shell lines for all that read ``LLM_MODEL`` and the like: SDK scripts."""
    return _lines(
        (*client.notes, "For LLM.load_from_env() and scripts that read LLM_*."),
        _shell(client),
    )


def cli(client: Client) -> str:
    """Shell lines for the OpenHands CLI, which reads these only with a flag."""
    usage = 'openhands --headless --override-with-envs -t "..." reads them.'
    # It knows these three names and no others.
    names = ("LLM_MODEL", "LLM_BASE_URL", "LLM_API_KEY")
    shell = {k: v for k, v in _shell(client).items() if k in names}
    return _lines((*client.notes, usage), shell)


def claude_code(client: Client) -> str:
    """Shell lines for Claude Code and Anthropic's clients; of the gateway only."""
    address = (client.base_url or "").removesuffix("/v1")
    shell = {
        "ANTHROPIC_BASE_URL": shlex.quote(address),
        "ANTHROPIC_AUTH_TOKEN": f'"${client.key_variable}"',
        "ANTHROPIC_MODEL": shlex.quote(client.model.removeprefix(_PREFIX)),
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": shlex.quote(f"{MODEL}/simple"),
    }
    return _lines(client.notes, shell)


def headless(client: Client, tiers: Mapping[str, Client]) -> str:
    """``config.toml`` of OpenHands before the SDK: an ``[llm]`` table, one a tier too.

    Args:
        client: For ``[llm]``.
        tiers: For ``[llm.<name>]``, to be chosen by name.
    """
    variable = client.key_variable
    key = f'LLM_API_KEY="${variable}"' if variable else "LLM_API_KEY if one is needed"
    lines = [
        *_comments(
            (
                *client.notes,
                "config.toml of OpenHands' headless mode (openhands-ai up to 1.6.0).",
                f"The key of [llm] comes from the environment: {key}.",
            )
        ),
        *_table("llm", client),
    ]
    for name, each in tiers.items():
        lines += ["", *_comments(_own_key(each)), *_table(f"llm.{name}", each)]
    return "\n".join(lines) + "\n"


def _own_key(client: Client) -> Iterator[str]:
    """``LLM_API_KEY`` reaches ``[llm]`` alone; other tables' keys LiteLLM looks for."""
    variable, usual = client.key_variable, "OPENAI_API_KEY"
    if variable is None:
        return
    if client.model.startswith(_PREFIX) and variable != usual:
        variable = f'{usual}="${variable}"'
    yield f"Its key: {variable}, for LiteLLM to find."


def resolver(client: Client) -> str:
    """The ``env`` of a GitHub Actions job that runs an agent script."""
    env = {"LLM_MODEL": client.model}
    if client.base_url:
        env["LLM_BASE_URL"] = client.base_url
    if client.key_variable:
        env["LLM_API_KEY"] = f"${{{{ secrets.{client.key_variable} }}}}"
    notes = [*client.notes, "env of a GitHub Actions step or job."]
    if client.base_url and "127.0.0.1" in client.base_url:
        notes.append("The address is the runner's own: start the gateway in the job.")
    return "\n".join(_comments(notes)) + "\n" + yaml.safe_dump({"env": env})


def profile(client: Client) -> str:
    """A file of the SDK's ``LLMProfileStore``, without a key."""
    fields = {
        **client.fields,
        "model": client.model,
        "base_url": client.base_url,
        "max_input_tokens": client.max_input_tokens,
    }
    known = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(known, indent=2) + "\n"


def litellm(settings: Mapping[str, Any], unset: Mapping[str, str]) -> str:
    """LiteLLM's own configuration file, from the gateway's.

    Args:
        settings: What ``tiered-router serve`` starts LiteLLM with.
        unset: Variables that it would set itself, with their values.
    """
    notes = [
        "tiered-router serve starts LiteLLM with this; so does litellm --config FILE.",
        *(
            f"Set {name} to any text: that server needs no key."
            if value == PLACEHOLDER
            else f"Set {name} to the key that your configuration holds."
            for name, value in unset.items()
        ),
    ]
    # Through JSON, so that YAML repeats what is equal instead of pointing at it.
    plain = without_secrets(json.loads(json.dumps(settings)))
    body = yaml.safe_dump(plain, sort_keys=False)
    return "\n".join(_comments(notes)) + "\n" + body


def _shell(client: Client) -> dict[str, str]:
    shell = {"LLM_MODEL": shlex.quote(client.model)}
    if client.base_url:
        shell["LLM_BASE_URL"] = shlex.quote(client.base_url)
    if client.key_variable:
        shell["LLM_API_KEY"] = f'"${client.key_variable}"'
    if client.max_input_tokens:
        shell["LLM_MAX_INPUT_TOKENS"] = str(client.max_input_tokens)
    return shell


def _lines(notes: Iterable[str], shell: Mapping[str, str]) -> str:
    exports = [f"export {name}={value}" for name, value in shell.items()]
    return "\n".join([*_comments(notes), *exports]) + "\n"


def _table(name: str, client: Client) -> list[str]:
    lines = [f"[{name}]", f"model = {json.dumps(client.model)}"]
    if client.base_url:
        lines.append(f"base_url = {json.dumps(client.base_url)}")
    if client.max_input_tokens:
        lines.append(f"max_input_tokens = {client.max_input_tokens}")
    return lines


def _comments(notes: Iterable[str]) -> list[str]:
    return [f"# {note}" for note in notes]
