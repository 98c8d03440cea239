"""Fields of a router as of an ``LLM``: which of them its tiers share, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openhands.sdk.llm import LLM


OWN_TO_EACH = frozenset({"usage_id", "retry_listener"})
"""Fields of the default tier that the router must not take over."""
OF_THE_MODEL = frozenset(
    {
        "model",
        "base_url",
        "api_version",
        "provider_connection_id",
        "auth_type",
        "subscription_vendor",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_region_name",
        "aws_profile_name",
        "aws_role_name",
        "aws_session_name",
        "aws_bedrock_runtime_endpoint",
        "model_canonical_name",
        "capability_overrides",
        "custom_tokenizer",
        "ollama_base_url",
        "input_cost_per_token",
        "output_cost_per_token",
    }
)
"""Fields that say which model a tier is, where, and at what price: no value of theirs
fits all tiers. All others, set on the router, mean all of its calls."""
OF_THE_HOST = frozenset({"stream", "log_completions", "log_completions_folder"})
"""Fields that whoever runs the agent has set; a changed configuration leaves them."""
_SDK_RETRIES = LLM.model_fields["num_retries"].default


def attempts(fields: Mapping[str, Any]) -> dict[str, int]:
    """How often a tier may try by itself, if ``num_retries`` is among the fields.

    The SDK counts attempts, and makes one for 0 as for 1. So 0 is free to mean that no
    number was given: one attempt at a time, and the router says when the next one is.
    The SDK's default of five takes two minutes; any other number was meant.
    """
    given = fields.get("num_retries")
    if given is None:
        return {}
    return {"num_retries": 0 if given == _SDK_RETRIES else max(given, 1)}


def for_all_tiers(router: LLM, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the fields that are to be set on a router which its tiers shall get.

    Raises:
        ValueError: A field says which model a tier is.
    """
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in LLM.model_fields or name == "usage_id":
            continue
        if name not in OF_THE_MODEL:
            found[name] = value
        elif value != getattr(router, name):
            raise ValueError(_remedy(name))
    return found


def with_fields(
    llms: Mapping[str, Any], default: LLM, data: Mapping[str, Any]
) -> dict[str, Any]:
    """The models with the fields that were given beside them.

    Raises:
        ValueError: A field says which model a tier is.
    """
    names = LLM.model_fields.keys() & data.keys() - {"usage_id"}
    if not names:
        return dict(llms)
    given = {name: data[name] for name in names}
    # The SDK refuses small windows, unless the LLM names a larger one.
    window = {"max_input_tokens": default.max_input_tokens}
    checked = LLM.model_validate({"model": default.model, **window, **given})
    for name in names & OF_THE_MODEL:
        if getattr(checked, name) != getattr(default, name):
            raise ValueError(_remedy(name))
    fields = {name: getattr(checked, name) for name in names - OF_THE_MODEL}
    others = {name: value for name, value in fields.items() if name != "api_key"}
    return {
        key: llm.model_copy(update=fields if llm.api_key == default.api_key else others)
        if isinstance(llm, LLM)
        else llm
        for key, llm in llms.items()
    }


def alike(ours: LLM, llm: LLM) -> bool:
    """Whether a clone of ours would still be one of ``llm``."""
    apart = OWN_TO_EACH | OF_THE_HOST | {"num_retries", "fallback_strategy"}
    names = type(llm).model_fields.keys() - apart
    return all(getattr(ours, name) == getattr(llm, name) for name in names)


def _remedy(name: str) -> str:
    return (
        f"{name!r} cannot be set on a router, which calls several models: set it on "
        "the models in llms_for_routing, or on [[tiers.<tier>.endpoints]] in the "
        "configuration; switch_llm() leaves the router for a single model"
    )
