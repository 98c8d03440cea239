"""Records the long session that ``tiered-router demo`` replays.

    uv run python tests/benchmarks/demo_session.py

The actions and the words are ours, written by hand as an agent works; what the tools
answer is real: the commands run in a copy of this repository, edits change its files,
tests fail and pass. Tokens are counted as four characters each, on top of
``OVERHEAD``, and a turn takes ``TYPICAL_SECONDS``, since no model was waited for.
Running it again records the repository as it then is.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.record.replay.sessions import TYPICAL_SECONDS


ROOT: Final = Path(__file__).parents[2]
OUTPUT: Final = ROOT / "openhands_tiered_router/cli/demo/session.jsonl.gz"
OVERHEAD: Final = 6_600
"""Tokens of the agent's instructions and tools: the first prompt of the demo's own
agent, by the loopback provider's count."""
STEPS: Final = Path(__file__).parent / "data" / "demo_session.json"
MOST: Final = 12_000
"""Characters of a tool's answer."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "repository"
        clone = ["git", "clone", "-q", "--shared", str(ROOT), str(place)]
        subprocess.run(clone, check=True)
        head = ["git", "-C", str(place), "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(head, capture_output=True, text=True, check=True)
        session = {
            "session": f"conversations-list-{commit.stdout.strip()}",
            "messages": list(_messages(place)),
        }
    text = json.dumps(session, ensure_ascii=False)
    OUTPUT.write_bytes(gzip.compress(text.encode(), mtime=0))
    turns = sum("usage" in m for m in session["messages"])
    print(f"{turns} turns, {OUTPUT.stat().st_size:,} bytes in {OUTPUT}")


def _messages(place: Path) -> list[dict[str, Any]]:
    script = json.loads(STEPS.read_text())
    task: dict[str, Any] = {"role": "user", "content": script["task"]}
    prompt = OVERHEAD + _tokens(task)
    messages = [task | {"timestamp": 0.0}]
    before = 0
    for number, arguments in enumerate(script["steps"]):
        said = arguments.pop("say")
        answer = {
            "role": "assistant",
            "content": said,
            "tool_calls": [
                {
                    "id": f"call_{number}",
                    "type": "function",
                    "function": {
                        "name": _tool(arguments),
                        "arguments": json.dumps(arguments),
                    },
                }
            ],
        }
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": _tokens(answer),
            "cached_tokens": before,
        }
        result = {
            "role": "tool",
            "tool_call_id": f"call_{number}",
            "content": _answer(place, arguments),
        }
        begun, ended = number * TYPICAL_SECONDS, (number + 1) * TYPICAL_SECONDS
        messages.append(answer | {"usage": usage, "timestamp": begun})
        messages.append(result | {"timestamp": ended})
        before, prompt = prompt, prompt + _tokens(answer) + _tokens(result)
    return messages


def _tool(arguments: dict[str, str]) -> str:
    if "message" in arguments:
        return "finish"
    return "file_editor" if "path" in arguments else "terminal"


def _answer(place: Path, arguments: dict[str, str]) -> str:
    """What the tool really says, without the names of temporary directories."""
    if "message" in arguments:
        return ""
    if "path" in arguments:
        file = place / arguments["path"]
        text, old = file.read_text(), arguments["old_str"]
        assert text.count(old) == 1, f"{text.count(old)} times in {file}: {old}"
        file.write_text(text.replace(old, arguments["new_str"]))
        return f"The file {arguments['path']} has been edited."
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", arguments["command"]],
        cwd=place,
        env={**os.environ, "PATH": search, "PYTHONPATH": str(place), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said = re.sub(r"/tmp/[\w./-]*?(repository|pytest-\d+)", r"/\1", done.stdout)
    said = said.replace(str(place), "/repository").replace(str(ROOT), "/repository")
    # As the SDK's terminal ends what it returns.
    return f"{said[:MOST]}\n[Command finished with exit code {done.returncode}]"


def _tokens(message: dict[str, Any]) -> int:
    return -(-len(json.dumps(message, ensure_ascii=False)) // 4)


if __name__ == "__main__":
    main()
