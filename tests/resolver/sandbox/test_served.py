"""When a run on an agent-server is over, by what the server says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from openhands_tiered_router.resolver.sandbox import served


ASKED = {"kind": "MessageEvent", "source": "user"}
ACTION = {"kind": "ActionEvent", "source": "agent"}
RESULT = {"kind": "ObservationEvent", "source": "environment"}


@pytest.mark.parametrize(
    ("status", "newest", "ended"),
    [
        ("waiting_for_confirmation", [ACTION, ASKED], True),
        ("running", [RESULT, ACTION, ASKED], False),
        ("finished", [RESULT, ACTION, ASKED], True),
        ("finished", [ASKED, RESULT, ACTION], False),
    ],
)
def test_a_run_is_over_when_it_stands_still_after_the_last_message(
    status: str, newest: list[dict[str, str]], ended: bool
) -> None:
    """A first action that waits for a yes has left no result yet."""

    def answer(request: httpx.Request) -> httpx.Response:
        events = request.url.path.endswith("/events/search")
        return httpx.Response(
            200, json={"items": newest} if events else {"execution_status": status}
        )

    client = httpx.Client(
        base_url="http://server", transport=httpx.MockTransport(answer)
    )
    workspace = SimpleNamespace(client=client)
    conversation = cast("Any", SimpleNamespace(id="1", workspace=workspace))
    assert served._has_ended(conversation) is ended
