"""Which strings of a router must not stay in stored texts."""

from __future__ import annotations

from openhands.sdk.llm import LLM

from openhands_tiered_router.sdk.texts import known_secrets


def test_a_header_s_token_counts_without_its_scheme_too() -> None:
    token = "nobody-knows-this-form"
    headers = {"Authorization": f"Bearer {token}", "X-Flag": "yes"}
    llm = LLM(model="openai/gpt-4o", usage_id="u", extra_headers=headers)
    found = known_secrets(None, None, {"simple": llm})()
    assert {token, f"Bearer {token}"} <= set(found)
    assert not {"yes", "Bearer"} & set(found)
