"""Reading server-sent events, independent of how the provider writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest


def _read(response: httpx.Response) -> list[tuple[str, Any]]:
    assert response.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in response.text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        text = fields["data"]
        data = text if text == "[DONE]" else json.loads(text)
        found.append((fields.get("event", ""), data))
    return found


@pytest.fixture
def read_events() -> Callable[[httpx.Response], list[tuple[str, Any]]]:
    """The name and the data of each event; the data parsed where it is JSON."""
    return _read
