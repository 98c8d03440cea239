"""Five tasks of a newcomer: the commands that each takes, and how long they ran.

    uv run python tests/benchmarks/five_tasks.py

Everything runs with an empty home; the models are the loopback provider with the
demo's recorded answers, so that no time is a model's. Prints a table for
``docs/how-to.md``: seconds of wall and of processor time, start and imports included.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from first_minute import DEMO, TASK, _environ, _names

from openhands_tiered_router.cli.demo.run import copy_project
from openhands_tiered_router.loopback import LoopbackProvider
from openhands_tiered_router.loopback.scripts import recording


NOWHERE: Final = "http://127.0.0.1:9"
"""Nothing listens there."""
TASKS: Final = (
    ("see it work, without a key", ("demo",)),
    (
        "configure it and have a bug fixed",
        ("init --preset anthropic", "doctor", f"run --task '{TASK}'"),
    ),
    ("find out why a run does not start: no network", ("run --task 'Say hi'",)),
    (
        "see what that cost, and look at a mistake",
        ("report", "report --misroutes", "explain --decision ID"),
    ),
    ("go on with the conversation", ("run --continue --task 'Look again'",)),
)


def main() -> None:
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, {os.cpu_count()} cores; load {load:.1f}\n")
    print("| task | commands | seconds (processor) |\n|---|---|---|")
    with tempfile.TemporaryDirectory(
        prefix="shop-", ignore_cleanup_errors=True
    ) as folder:
        project = copy_project(Path(folder))
        script = recording(DEMO / "recording.json", _names(project))
        with LoopbackProvider(script) as provider:
            for name, commands in TASKS:
                offline = "no network" in name
                address = NOWHERE if offline else provider.base_url
                wall, cpu = _timed(commands, project, _environ(Path(folder), address))
                said = f"{wall:.0f} s ({cpu:.1f} s)"
                print(f"| {name} | {len(commands)} | {said} |", flush=True)


def _timed(
    commands: tuple[str, ...], project: Path, environ: dict[str, str]
) -> tuple[float, float]:
    wall, cpu, shown = time.perf_counter(), _cpu(), ""
    for command in commands:
        if "ID" in command:
            command = command.replace("ID", shown.split("--decision ")[1].split()[0])
        words = f"tiered-router {command}"
        shown = subprocess.run(
            words, shell=True, cwd=project, env=environ, capture_output=True, text=True
        ).stdout
    return time.perf_counter() - wall, _cpu() - cpu


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
