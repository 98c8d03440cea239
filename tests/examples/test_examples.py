"""Each example runs as it stands, against the loopback provider."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from openhands_tiered_router.loopback import LoopbackProvider, Reply, Request, ToolCall
from openhands_tiered_router.policy.economics.price_book import default_price_book


ROOT = Path(__file__).parents[2]
OFFLINE = ROOT / "examples" / "explore_cheaply.py"
EXAMPLES = sorted(set((ROOT / "examples").glob("*.py")) - {OFFLINE})
MODELS = {"simple": "openai/gpt-4o-mini", "complex": "openai/gpt-4o"}


def two_turns(request: Request) -> Reply:
    """Lists the files, then says what it saw."""
    if not request.tools:
        return Reply(text="A title.")
    listed = request.messages[-1].role == "tool"
    if listed:
        return Reply(text="One file, `notes.txt`.")
    return Reply(tool_calls=(ToolCall("terminal", {"command": "ls"}),))


def _marks(path: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] if path.stem == "agent_server" else []


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=p.stem, marks=_marks(p)) for p in EXAMPLES]
)
def test_example(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)  # a server keeps its conversations where it starts
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "notes.txt").write_text("a\n")
    listed = {m.split("/")[1]: default_price_book().prices(m) for m in MODELS.values()}
    prices = {model: price for model, price in listed.items() if price}
    with LoopbackProvider(two_turns, prices=prices) as provider:
        endpoint = {
            "base_url": f"{provider.base_url}/v1",
            "api_key_env": "LOOPBACK_KEY",
        }
        tiers = {
            key: {"endpoints": [{"model": model, **endpoint}]}
            for key, model in MODELS.items()
        }
        config = tmp_path / "router.json"
        config.write_text(json.dumps({"tiers": tiers}))
        monkeypatch.setenv("TIERED_ROUTER_CONFIG", str(config))
        monkeypatch.setenv("LOOPBACK_KEY", "sk-loopback")
        monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path / "workspace")])
        runpy.run_path(str(path), run_name="__main__")
    out = capfd.readouterr().out
    assert provider.total_usd > 0
    assert "complex" in out or "$" in out
    if path.stem in {"hello_router", "streaming"}:
        assert "turn 1: simple" in out
    if path.stem == "custom_rule":
        assert "the user wants a plan" in out
    if path.stem == "resume":
        assert f"${provider.total_usd:.4f}" in out


@pytest.mark.slow
def test_exploring_with_the_sub_agent_does_not_pay_for_up_to_24_reads(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has a provider of its own, and checks what was booked against its bill.

    The router searches on the simple tier itself, as docs/benchmarks.md says.
    """
    monkeypatch.setattr(sys, "argv", [str(OFFLINE), "1", "24"])
    runpy.run_path(str(OFFLINE), run_name="__main__")
    lines = capfd.readouterr().out.splitlines()
    saved = [line.split()[-1] for line in lines if line.endswith("%")]
    assert [each[0] for each in saved] == ["-"] * 4
