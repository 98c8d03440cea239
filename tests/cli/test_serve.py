"""What ``serve`` refuses before anything is started."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli import serve as module, tiered_router
from tests.waiting import wait_until


CONFIG = '[[tiers.complex.endpoints]]\nmodel = "openai/gpt-4o"\n'


def serve(
    tmp_path: Path, *arguments: str, key: str = "", database: str | None = None
) -> Result:
    path = tmp_path / "tiered-router.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return CliRunner().invoke(
        tiered_router,
        ["serve", "--config", str(path), *arguments],
        env={
            "OPENAI_API_KEY": "sk-x",
            "TIERED_ROUTER_GATEWAY_KEY": key,
            "DATABASE_URL": database,
        },
    )


@pytest.mark.parametrize(
    ("arguments", "key", "message"),
    [
        (["--host", "0.0.0.0"], "", "--allow-remote"),
        (["--host", "0.0.0.0", "--allow-remote"], "", "needs a key"),
        (["--host", "0.0.0.0", "--allow-remote"], "short", "is short"),
        (["--host", "10.0.0.1", "--allow-remote", "--no-key"], "", "loopback"),
    ],
)
def test_no_one_else_spends_your_money(
    tmp_path: Path, arguments: list[str], key: str, message: str
) -> None:
    result = serve(tmp_path, *arguments, key=key)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(
    ("arguments", "database", "message"),
    [
        (["--litellm-keys"], None, "DATABASE_URL"),
        (["--litellm-keys", "--no-key"], "postgresql://host/keys", "exclude"),
        (["--litellm-keys"], "postgresql://host/keys", "pip install prisma"),
    ],
)
def test_what_litellms_keys_need_is_said_before_the_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    database: str | None,
    message: str,
) -> None:
    monkeypatch.setitem(sys.modules, "prisma", None)
    result = serve(tmp_path, *arguments, database=database)
    assert result.exit_code == 2
    assert message in result.output


def test_a_bad_configuration_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[tiers]\n", encoding="utf-8")
    result = serve(tmp_path, "--config", str(tmp_path / "bad.toml"))
    assert result.exit_code == 2
    assert "names no tier" in result.output


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_it_says_listening_once_it_answers(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    module._announce_once_ready("127.0.0.1", port, None, as_json=False)
    time.sleep(0.5)
    assert capfd.readouterr().err == ""
    with http.server.HTTPServer(("127.0.0.1", port), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        said = ""

        def listening() -> bool:
            nonlocal said
            said += capfd.readouterr().err
            return f"Listening on http://127.0.0.1:{port}" in said

        wait_until(listening)
        server.shutdown()


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        result = serve(tmp_path, "--port", str(server.server_port))
        server.shutdown()
    assert result.exit_code == 2
    assert "is in use; take another one with --port" in result.output
