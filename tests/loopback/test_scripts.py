from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.loopback.exchange import (
    Message,
    Reply,
    Request,
    ToolCall,
    Wire,
)
from openhands_tiered_router.loopback.faults import Fault, HttpError
from openhands_tiered_router.loopback.scripts import (
    RecordingError,
    by_turn,
    fixed,
    recording,
)


def request(
    model: str = "m", turn: int = 0, tools: tuple[str, ...] = ("t",)
) -> Request:
    return Request(
        wire=Wire.CHAT,
        model=model,
        messages=tuple(Message(role="assistant") for _ in range(turn)),
        tools=tools,
        stream=False,
        session=None,
        headers={},
        body={},
        number=1,
        model_number=1,
    )


def message(answer: Reply | Fault) -> str:
    assert isinstance(answer, HttpError)
    assert answer.status == 400
    return answer.message


def test_fixed_says_the_same_always() -> None:
    assert [fixed("hi")(request(turn=n)) for n in (0, 5)] == [Reply(text="hi")] * 2


def test_by_turn_follows_the_position_not_the_calls() -> None:
    turns = [Reply(text="zero"), Reply(text="one")]
    script = by_turn(turns, side="a title")
    assert [script(request(turn=n)) for n in (1, 0, 1)] == [turns[n] for n in (1, 0, 1)]
    assert script(request(tools=())) == Reply(text="a title")
    assert "ends after 2 turns" in message(script(request(turn=2)))


def test_a_recording_fills_in_variables(tmp_path: Path) -> None:
    path = tmp_path / "recording.json"
    call = {"name": "run", "arguments": {"command": "cd {{dir}}", "n": [1]}}
    turn = {"text": "In {{dir}}.", "thinking": "Hm.", "tool_calls": [call]}
    path.write_text(json.dumps({"turns": [turn], "side": "Fix"}))
    script = recording(path, {"dir": "/srv"})
    expected = ToolCall("run", {"command": "cd /srv", "n": [1]})
    assert script(request()) == Reply(
        text="In /srv.", thinking="Hm.", tool_calls=(expected,)
    )
    assert script(request(tools=())) == Reply(text="Fix")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ('{"turns": {}}', "Expected `array`, got `object` - at `$.turns`"),
        ('{"turns": [], "side": 1}', "at `$.side`"),
        ('{"turns": [{"txt": ""}]}', "unknown field `txt` - at `$.turns[0]`"),
        ('{"turns": [{"tool_calls": [{}]}]}', "`name` - at `$.turns[0].tool_calls[0]`"),
    ],
)
def test_a_wrong_recording_is_named(
    tmp_path: Path, content: str, complaint: str
) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)
    with pytest.raises(RecordingError) as caught:
        recording(path)
    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    missing: Any = tmp_path / "missing.json"
    with pytest.raises(RecordingError, match=r"missing\.json: cannot be read"):
        recording(missing)
