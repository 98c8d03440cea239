from __future__ import annotations

from openhands.sdk.llm import LLM

from openhands_tiered_router.config.llm_fields import (
    RESERVED,
    SECRETS,
    llm_field_names,
)


def test_the_names_are_those_of_the_installed_sdk() -> None:
    assert llm_field_names() == LLM.model_fields.keys()


def test_the_names_that_are_singled_out_exist() -> None:
    assert {*RESERVED, *SECRETS} <= LLM.model_fields.keys()
