"""Planted secrets never arrive in the file or in our log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from openhands.sdk import Agent, LocalConversation, Tool
from openhands.sdk.llm import LLM
from openhands.tools.file_editor import FileEditorTool
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.loopback import LoopbackProvider, Reply, Request, ToolCall
from openhands_tiered_router.loopback.faults import bad_request
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.recorder import recorder_from_environment


API_KEY = "sk-ant-api03-apikey0apikey0apikey0"
TOOL = "sk-proj-toolname0toolname0toolname0"
PLANTED = {
    "prompt": "prompt-2f9c the customer is jane.doe@example.org",
    "file": "file-51d0 PASSWORD=correct-horse",
    "command": "command-8b11",
    "output": "output-77aa",
    "path": "path-e3c4",
    "thought": "thought-90fe",
    "argument": "argument-1c2d",
    "answer": "answer-6b7a",
    "error": "error-4f4f",
}


def replies(workspace: Path) -> list[Reply]:
    file = str(workspace / f"{PLANTED['path']}.txt")
    view = {"command": "view", "path": file}
    command = f"true {PLANTED['command']}; echo output-$((70 + 7))aa; exit_code=$?"
    return [
        Reply(
            text=PLANTED["thought"],
            tool_calls=(
                ToolCall("file_editor", view),
                ToolCall("terminal", {"command": command}),
                ToolCall("file_editor", {"command": PLANTED["argument"]}),
                ToolCall(TOOL, {}),
            ),
        ),
        Reply(tool_calls=(ToolCall("finish", {"message": PLANTED["answer"]}),)),
    ]


def test_no_planted_secret_is_stored_or_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="openhands_tiered_router")
    workspace = tmp_path / PLANTED["path"]
    workspace.mkdir()
    (workspace / f"{PLANTED['path']}.txt").write_text(PLANTED["file"])
    answers = iter(replies(workspace))
    seen: list[str] = []

    def script(request: Request) -> Reply:
        seen.append(str(request.body))
        return next(answers)

    with LoopbackProvider(script, strict=False) as provider:
        provider.faults.next(bad_request(PLANTED["error"]), times=1)
        url = f"{provider.base_url}/v1"
        tiers = {
            "simple": LLM(model="openai/gpt-4o-mini", base_url=url, api_key=API_KEY),
            "complex": LLM(model="openai/gpt-4o", base_url=url, api_key=API_KEY),
        }
        router = ComplexityRouter(llms_for_routing=tiers)
        conversation = LocalConversation(
            agent=Agent(
                llm=router,
                tools=[
                    Tool(
                        name=TerminalTool.name, params={"terminal_type": "subprocess"}
                    ),
                    Tool(name=FileEditorTool.name),
                ],
            ),
            workspace=workspace,
            callbacks=router.callbacks(),
            visualizer=None,
        )
        conversation.send_message(PLANTED["prompt"])
        with pytest.raises(Exception, match=PLANTED["error"]):
            conversation.run()
        conversation.run()

    recorder = recorder_from_environment()
    assert recorder.flush(60)
    assert recorder.path is not None
    turns = TelemetryFile(recorder.path).turns(str(conversation.id))
    assert len(turns) == 3
    assert [t.tool_name for t in turns[1].tools].count("[redacted]") == 1

    # What was planted did travel, so a finding would have been possible ...
    unsent = {"answer", "error"}
    travelled = {n for n, text in PLANTED.items() if text in seen[-1]}
    assert travelled == PLANTED.keys() - unsent
    # ... and left no trace.
    stored = b"".join(p.read_bytes() for p in tmp_path.glob("telemetry.sqlite3*"))
    assert b"gpt-4o" in stored
    logged = "\n".join(
        r.getMessage() for r in caplog.records if r.name.startswith("openhands_tiered")
    )
    for secret in (API_KEY, TOOL, *PLANTED.values()):
        assert secret.encode() not in stored
        assert secret not in logged
