"""The event callback, on real conversations with the real terminal tool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from openhands.sdk import Agent, LocalConversation, Tool
from openhands.sdk.conversation.state import ConversationExecutionStatus
from openhands.sdk.event import AgentErrorEvent, Event, PauseEvent
from openhands.sdk.hooks import HookConfig
from openhands.sdk.llm import LLM
from openhands.sdk.security.confirmation_policy import AlwaysConfirm
from openhands.tools.file_editor import FileEditorTool
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.loopback import LoopbackProvider, Reply, Request, ToolCall
from openhands_tiered_router.record.telemetry.outcomes import ToolOutcomes
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.recorder import (
    TelemetryRecorder,
    recorder_for,
)
from openhands_tiered_router.record.telemetry.records import ToolResult, ToolStatus


class Run:
    """One conversation in the making, and what was recorded of it."""

    def __init__(self, provider: LoopbackProvider, workspace: Path, path: Path) -> None:
        self.provider = provider
        self.workspace = workspace
        self.recorder = recorder_for(path)
        self.id = uuid4()
        self.callback = ToolOutcomes(self.recorder, str(self.id))
        workspace.mkdir()

    def conversation(
        self, *calls: ToolCall, hooks: HookConfig | None = None
    ) -> LocalConversation:
        """A conversation whose model asks for those calls at once, then ends."""
        end = Reply(tool_calls=(ToolCall("finish", {"message": "Done."}),))

        def script(request: Request) -> Reply:
            answered = any(m.tool_results for m in request.messages)
            return end if answered else Reply(tool_calls=calls)

        self.provider.script = script
        conversation = LocalConversation(
            agent=self.agent(),
            workspace=self.workspace,
            persistence_dir=str(self.workspace.parent / "persisted"),
            conversation_id=self.id,
            callbacks=[self.callback],
            hook_config=hooks,
            visualizer=None,
        )
        conversation.send_message("Look around.")
        return conversation

    def agent(self) -> Agent:
        url = f"{self.provider.base_url}/v1"
        models = {
            "simple": LLM(model="openai/gpt-4.1-nano", base_url=url, api_key="k"),
            "complex": LLM(model="openai/gpt-4.1", base_url=url, api_key="k"),
        }
        return Agent(
            llm=ComplexityRouter(llms_for_routing=models),
            tools=[
                Tool(name=TerminalTool.name, params={"terminal_type": "subprocess"}),
                Tool(name=FileEditorTool.name),
            ],
        )

    def tools(self) -> list[ToolResult]:
        """All tool results on record, in the order of the turns."""
        assert self.recorder.flush(60)
        path = self.recorder.path
        assert path is not None
        turns = TelemetryFile(path).turns(str(self.id))
        assert all(t.answered for t in turns)
        return [tool for turn in turns for tool in turn.tools]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    # Not strict: after a resume in the middle of a confirmation the SDK sends a
    # result without its call, which is not what is tested here.
    with LoopbackProvider(strict=False) as provider:
        yield Run(provider, tmp_path / "workspace", tmp_path / "telemetry.sqlite3")


def shell(command: str) -> ToolCall:
    return ToolCall("terminal", {"command": command})


def test_exit_codes_are_kept_though_the_tool_calls_them_no_error(run: Run) -> None:
    with_two = shell("sh -c 'exit 2'")
    conversation = run.conversation(shell("grep -c x /dev/null; true"), with_two)
    conversation.run()
    first, second, end = run.tools()
    assert (first.tool_name, first.action_kind) == ("terminal", "search")
    assert (first.exit_code, first.is_error, first.failed) == (0, False, False)
    assert (second.exit_code, second.is_error, second.failed) == (2, False, True)
    assert (end.tool_name, end.status, end.failed) == ("finish", ToolStatus.DONE, False)
    assert first.seconds is not None
    assert 0 < first.seconds < 60


def test_tests_behind_a_pipe_fail_though_the_exit_code_is_0(run: Run) -> None:
    run.conversation(shell("python3 -m unittest no_such_module 2>&1 | cat")).run()
    tool = run.tools()[0]
    assert (tool.action_kind, tool.exit_code, tool.is_error) == ("test", 0, False)
    assert tool.failed


def test_an_editor_that_reports_an_error_failed(run: Run) -> None:
    missing = str(run.workspace / "missing.py")
    view = ToolCall("file_editor", {"command": "view", "path": missing})
    run.conversation(view).run()
    tool = run.tools()[0]
    assert (tool.action_kind, tool.exit_code) == ("read", None)
    assert (tool.is_error, tool.failed) == (True, True)


def test_calls_that_cannot_run_are_invalid(run: Run) -> None:
    unknown = ToolCall("fly", {"to": "the moon"})
    wrong = ToolCall("file_editor", {"command": "paint"})
    run.conversation(unknown, wrong).run()
    for tool, name in zip(run.tools()[:2], ("fly", "file_editor"), strict=True):
        assert tool.tool_name == name
        assert (tool.status, tool.failed) == (ToolStatus.INVALID, True)
        assert (tool.exit_code, tool.is_error) == (None, None)


def test_a_call_after_finish_stays_pending(run: Run) -> None:
    run.conversation(ToolCall("finish", {"message": "Done."}), shell("ls")).run()
    by_name = {t.tool_name: t for t in run.tools()}
    assert by_name["finish"].status is ToolStatus.DONE
    assert by_name["terminal"].status is ToolStatus.PENDING
    assert by_name["terminal"].failed is None


def test_what_the_user_rejects_did_not_fail(run: Run) -> None:
    conversation = run.conversation(shell("ls"))
    conversation.set_confirmation_policy(AlwaysConfirm())
    conversation.run()
    conversation.reject_pending_actions("no")
    (tool,) = run.tools()
    assert (tool.status, tool.failed) == (ToolStatus.REJECTED, None)


def test_what_a_hook_blocks_did_not_fail(run: Run) -> None:
    block = {"command": "exit 2", "type": "command"}
    hooks = HookConfig.model_validate(
        {"pre_tool_use": [{"matcher": "terminal", "hooks": [block]}]}
    )
    run.conversation(shell("ls"), hooks=hooks).run()
    tool = run.tools()[0]
    assert (tool.status, tool.failed) == (ToolStatus.BLOCKED, None)


def test_a_call_that_is_confirmed_after_a_resume_gets_its_result(run: Run) -> None:
    view = {"command": "view", "path": str(run.workspace / "missing.txt")}
    conversation = run.conversation(ToolCall("file_editor", view))
    conversation.set_confirmation_policy(AlwaysConfirm())
    conversation.run()
    waiting = ConversationExecutionStatus.WAITING_FOR_CONFIRMATION
    assert conversation.state.execution_status == waiting
    conversation.close()
    run.callback = ToolOutcomes(run.recorder, str(run.id))
    resumed = LocalConversation(
        agent=run.agent(),
        workspace=run.workspace,
        persistence_dir=str(run.workspace.parent / "persisted"),
        conversation_id=run.id,
        callbacks=[run.callback],
        visualizer=None,
    )
    resumed.run()
    tool = run.tools()[0]
    assert (tool.status, tool.is_error) == (ToolStatus.DONE, True)
    assert (tool.failed, tool.seconds) == (True, None)


async def test_it_works_on_an_event_loop(run: Run) -> None:
    await run.conversation(shell("true"), shell("false")).arun()
    assert [t.exit_code for t in run.tools()] == [0, 1, None]


def test_a_call_that_an_interrupt_ends_did_not_fail(path: Path) -> None:
    recorder = recorder_for(path)
    seen: list[ToolResult] = []
    callback = ToolOutcomes(Spy(seen.append))
    for error in (
        "Tool call interrupted before completion. The conversation was paused.",
        "Tool call cancelled by interrupt.",
    ):
        callback(AgentErrorEvent(tool_name="t", tool_call_id="1", error=error))
    assert [(t.status, t.failed) for t in seen] == [(ToolStatus.CANCELLED, None)] * 2
    assert recorder.flush(60)


class Spy(TelemetryRecorder):
    """A recorder that hands what it gets to a function."""

    def __init__(self, take: Callable[[ToolResult], None]) -> None:
        super().__init__(None)
        self._take = take

    def record(self, record: Any) -> None:
        self._take(record)


def test_a_defect_never_reaches_the_run(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: ToolResult) -> None:
        raise RuntimeError("a defect, with words of the user in it")

    callback = ToolOutcomes(Spy(fail))
    for _ in range(2):
        callback(AgentErrorEvent(tool_name="t", tool_call_id="1", error="e"))
    (message,) = caplog.messages
    assert "RuntimeError" in message
    assert "words of the user" not in message


@pytest.mark.parametrize("event", [PauseEvent()])
def test_other_events_are_passed_over(event: Event) -> None:
    seen: list[ToolResult] = []
    ToolOutcomes(Spy(seen.append))(event)
    assert seen == []
