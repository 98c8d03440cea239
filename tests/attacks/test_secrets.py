"""What is shown of settings and logged of errors holds no credential."""

from __future__ import annotations

import traceback

import pytest
from openhands.sdk.llm import Message, TextContent
from openhands.sdk.llm.exceptions import LLMError

from openhands_tiered_router.cli.shown import without_secrets
from openhands_tiered_router.loopback import faults
from openhands_tiered_router.redaction import HIDDEN
from tests.routed.conftest import World


HELLO = [Message(role="user", content=[TextContent(text="Hello.")])]


def test_14_no_value_of_a_header_is_shown() -> None:
    headers = {"X-Team": "blue", "X-Custom": "hunter2"}
    shown = without_secrets({"endpoint": {"extra_headers": headers, "model": "m"}})
    assert shown["endpoint"]["extra_headers"] == dict.fromkeys(headers, HIDDEN)
    assert shown["endpoint"]["model"] == "m"


KEY = "corp-7f3a9c1e55d2b8"
"""Of no known form: found since it is this endpoint's own."""
PASSWORD = "hunter2hunter2"


@pytest.mark.parametrize("status", [400, 401, 403, 500])
async def test_14_an_error_does_not_quote_what_the_endpoint_was_sent(
    world: World, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    said = f"bad key {KEY}, user:{PASSWORD}@host, ?key={KEY}, Basic {PASSWORD}"
    world.provider.faults.always(faults.HttpError(status=status, message=said))
    fields = {"api_key": KEY, "extra_headers": {"X-Corp": PASSWORD}, "num_retries": 0}
    router = world.router({"simple": "openai/gpt-4o-mini"}, llm_fields=fields)
    assert KEY not in repr(router)
    assert PASSWORD not in repr(router)
    with pytest.raises(LLMError) as raised:
        router.generate(HELLO)
    with pytest.raises(LLMError) as araised:
        await router.agenerate(HELLO)
    for error in (raised.value, araised.value):
        shown = "".join(traceback.format_exception(error))
        assert KEY not in shown + caplog.text
        assert PASSWORD not in str(error)
