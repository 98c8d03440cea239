"""The names of the fields of the SDK's ``LLM``, without importing the SDK.

The SDK drops a misspelt field without a word, so names are checked here. Reading
them from the installed source keeps them right for every version of the SDK, at
some 50 ms once, where importing it would take seconds.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final


RESERVED: Final = {
    "usage_id": "the router sets it to the endpoint's key; remove it",
    "fallback_strategy": "the router fails over itself; add a second endpoint instead",
    "retry_listener": "it is a function, which a file cannot hold; remove it",
}
"""Fields of ``LLM`` that an endpoint may not set, and what to do instead."""

SECRETS: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
"""Fields of ``LLM``, beside ``api_key``, that hold a credential."""


@cache
def llm_field_names() -> frozenset[str] | None:
    """Fields of the installed SDK's ``LLM``; ``None`` if its source is not readable."""
    source = _llm_source()
    if source is None:
        return None
    try:
        module = ast.parse(source.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
    names = {
        item.target.id
        for node in module.body
        if isinstance(node, ast.ClassDef) and node.name == "LLM"
        for item in node.body
        if isinstance(item, ast.AnnAssign)
        and isinstance(item.target, ast.Name)
        and not item.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(item.annotation)
        and item.target.id != "model_config"
    }
    return frozenset(names) or None


def _llm_source() -> Path | None:
    # find_spec("openhands.sdk.llm.llm") would import its parent packages.
    spec = find_spec("openhands")
    roots = spec.submodule_search_locations if spec else None
    paths = (Path(root, "sdk", "llm", "llm.py") for root in roots or ())
    return next((path for path in paths if path.is_file()), None)
