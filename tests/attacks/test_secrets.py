"""What is shown of settings and logged of errors holds no credential."""

from __future__ import annotations

from openhands_tiered_router.cli.export.shown import without_secrets
from openhands_tiered_router.redaction import HIDDEN


def test_14_no_value_of_a_header_is_shown() -> None:
    headers = {"X-Team": "blue", "X-Custom": "hunter2"}
    shown = without_secrets({"endpoint": {"extra_headers": headers, "model": "m"}})
    assert shown["endpoint"]["extra_headers"] == dict.fromkeys(headers, HIDDEN)
    assert shown["endpoint"]["model"] == "m"
