"""A real agent-server in a process of its own, and models on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from openhands_tiered_router.loopback import LoopbackProvider, Reply, ToolCall
from openhands_tiered_router.loopback.exchange import Request
from openhands_tiered_router.loopback.server import HOST
from openhands_tiered_router.policy.economics.price_book import default_price_book
from tests.routed.conftest import _no_hidden_fault, world
from tests.waiting import PATIENCE, wait_until


__all__ = ["_no_hidden_fault", "world"]

# Nobody knows their success rates: of rated ones a single model may serve everything.
MODELS = {
    "simple": "openai/gpt-4o-mini",
    "medium": "openai/gpt-4o",
    "complex": "openai/o3",
}
STOCK = "openai/gpt-4.1"
"""The model of agents without a router."""
ENDED = ("finished", "error", "paused", "stuck")
KEY = "sk-of-this-test"


class AgentServer:
    """``python -m openhands.agent_server`` on a port of its own, with a client."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = ""
        self.telemetry = home / "telemetry.sqlite3"
        self.state = home / "state.sqlite3"
        self.http = httpx.Client(timeout=PATIENCE)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it with what the documentation says, and waits until it serves."""
        # Somebody else may take a port that was free a moment ago.
        if not self._started() and not self._started():
            raise RuntimeError((self.home / "server.log").read_text()[-3000:])

    def _started(self) -> bool:
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        modules = "openhands_tiered_router.server.preload"
        options = ["--port", str(port), "--import-modules", modules]
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "openhands.agent_server", *options],
                cwd=self.home,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        ended = self._process.poll
        wait_until(lambda: ended() is not None or self._serves())
        return ended() is None

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OH_")}
        return {
            **kept,
            "HOME": str(self.home),
            "LOOPBACK_KEY": KEY,
            "OH_SECRET_KEY": "of this test",
            "OH_ENABLE_VSCODE": "false",
            "OH_PRELOAD_TOOLS": "false",
            "OH_CONVERSATIONS_PATH": str(self.home / "conversations"),
            "OH_BASH_EVENTS_DIR": str(self.home / "bash"),
            "TIERED_ROUTER_TELEMETRY": str(self.telemetry),
            "TIERED_ROUTER_STATE": str(self.state),
        }

    def _serves(self) -> bool:
        try:
            return self.http.get(f"{self.url}/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What it answers; an error is one of the test."""
        response = self.http.request(method, f"{self.url}/api{path}", json=body)
        assert response.is_success, response.text
        return response.json()

    def begin(self, agent: dict[str, Any], workspace: Path, message: str) -> str:
        """Starts a conversation, which runs; its id."""
        said = {"role": "user", "content": [{"type": "text", "text": message}]}
        body = {
            "agent": agent,
            "workspace": {"working_dir": str(workspace)},
            # Made beside the run: whether it is in the stats yet is a matter of time.
            "autotitle": False,
            "initial_message": {**said, "run": True},
            "tool_module_qualnames": {"terminal": "openhands.tools.terminal"},
        }
        return self.ask("POST", "/conversations", body)["id"]

    def say(self, conversation: str, message: str) -> None:
        said = {"role": "user", "content": [{"type": "text", "text": message}]}
        path = f"/conversations/{conversation}/events"
        self.ask("POST", path, {**said, "run": True})

    def ended(self, conversation: str, *, runs: int = 1) -> dict[str, Any]:
        """The conversation, once it has come to the end of that many runs."""

        def has_ended() -> bool:
            if self.status(conversation) not in ENDED:
                return False
            updates = (e for e in self.events(conversation) if "key" in e)
            statuses = (e["value"] for e in updates if e["key"] == "execution_status")
            return sum(status in ENDED for status in statuses) >= runs

        wait_until(has_ended)
        return self.ask("GET", f"/conversations/{conversation}")

    def status(self, conversation: str) -> str:
        return self.ask("GET", f"/conversations/{conversation}")["execution_status"]

    def events(self, conversation: str) -> list[dict[str, Any]]:
        path = f"/conversations/{conversation}/events/search?limit=100"
        return self.ask("GET", path)["items"]


def cost(info: dict[str, Any]) -> float:
    """USD of a conversation over all its usage ids, as the server tells it."""
    metrics = info["stats"]["usage_to_metrics"].values()
    return sum(each["accumulated_cost"] for each in metrics)


def run(command: str) -> Reply:
    return Reply(tool_calls=(ToolCall("terminal", {"command": command}),))


def script(request: Request) -> Reply:
    """Works in the way that the user's last message names."""
    if not request.tools:
        return Reply(text="A summary.")
    said = [m.text for m in request.messages if m.role == "user"]
    if "Why" in said[-1]:
        return Reply(text="Because.")
    if "task" in request.tools:
        return hand_on(request)
    if "fail" in said[-1]:
        return run("false")
    last = max(i for i, m in enumerate(request.messages) if m.role == "user")
    done = sum(m.role == "assistant" for m in request.messages[last:])
    wait = "sleep 60" if "hang" in said[-1] else "cat notes.txt"
    turns = [run("ls"), run(wait), run("echo b > notes.txt")]
    return turns[done] if done < len(turns) else Reply(text="Done.")


def hand_on(request: Request) -> Reply:
    if any(message.tool_results for message in request.messages):
        return Reply(text="Done.")
    task = {"subagent_type": "explorer", "prompt": "What is in notes.txt?"}
    return Reply(tool_calls=(ToolCall("task", task),))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPBACK_KEY", KEY)


@pytest.fixture(scope="module")
def models() -> Iterator[LoopbackProvider]:
    used = (*MODELS.values(), STOCK)
    listed = {m.partition("/")[2]: default_price_book().prices(m) for m in used}
    prices = {model: price for model, price in listed.items() if price}
    with LoopbackProvider(script, prices=prices) as provider:
        yield provider


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, models: LoopbackProvider
) -> Iterator[AgentServer]:
    """A server that runs, with an LLM profile for each model."""
    server = AgentServer(tmp_path_factory.mktemp("server"))
    try:
        server.start()
        for tier, model in MODELS.items():
            body = {"llm": llm(models, model), "include_secrets": True}
            server.ask("POST", f"/profiles/for-{tier}", body)
        yield server
    finally:
        server.stop()
        server.http.close()
        shutil.rmtree(server.home / "conversations", ignore_errors=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return found.getsockname()[1]


def llm(models: LoopbackProvider, model: str, **fields: Any) -> dict[str, Any]:
    path = "" if model.startswith("anthropic/") else "/v1"
    address = {"base_url": models.base_url + path}
    key = {} if "api_key_env" in fields else {"api_key": KEY}
    return {"model": model, **address, **key, **fields}
