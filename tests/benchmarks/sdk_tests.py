"""The OpenHands SDK's own tests, with a router wherever they make an ``LLM``.

    python tests/benchmarks/sdk_tests.py CHECKOUT [sdk/llm sdk/context ...] [-n 2]

CHECKOUT is a checkout of the SDK's repository; the SDK that runs is the installed one.
Copies of the tests run twice: as they are, and with every ``LLM(...)`` replaced by a
router whose four tiers are all that model. Prints how many tests pass either way, and
each that passes with the plain model alone, with the first line of its failure.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


DIRECTORIES = (
    "sdk/agent",
    "sdk/context",
    "sdk/conversation",
    "sdk/critic",
    "sdk/hooks",
    "sdk/llm",
    "sdk/profiles",
    "sdk/subagent",
    "cross",
)
"""Below the checkout's ``tests``: those that make an ``LLM`` and need no server."""
PLUGIN = Path(__file__).stem
TIERS = ("simple", "medium", "complex", "reasoning")


# -- what runs inside the SDK's tests -------------------------------------------------


def routed(made: Any) -> Callable[..., Any]:
    """A factory of routers for ``LLM``; what else tests call by that name as it is."""
    from openhands.sdk.llm import LLM

    from openhands_tiered_router import ComplexityRouter
    from openhands_tiered_router.calls.settings import DispatchSettings
    from openhands_tiered_router.settings import RouterSettings

    if made is not LLM:
        return made
    # Or each mocked failure would be waited out for two minutes.
    quick = DispatchSettings(total_timeout=0.5, backoff_base=0.02)

    def factory(*args: Any, **fields: Any) -> LLM:
        llm = LLM(*args, **fields)
        return ComplexityRouter(
            llms_for_routing=dict.fromkeys(TIERS, llm),
            usage_id=llm.usage_id,
            retry_listener=llm.retry_listener,
            settings=RouterSettings(dispatch=quick),
        )

    return factory


@pytest.fixture(autouse=True)
def _own_state(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openhands_tiered_router.calls.fleet import reset_fleet
    from openhands_tiered_router.calls.state.stores import forget_stores

    folder = tmp_path_factory.mktemp("router")
    monkeypatch.setenv("TIERED_ROUTER_TELEMETRY", str(folder / "telemetry.sqlite3"))
    monkeypatch.setenv("TIERED_ROUTER_STATE", str(folder / "state.sqlite3"))
    forget_stores()
    reset_fleet()


# -- the two runs and their comparison ------------------------------------------------


def substitute(source: str, module: str = PLUGIN) -> str:
    """The source with each call of the name ``LLM`` made one of ``routed(LLM)``, which
    is in that module."""
    lines = source.encode().splitlines(keepends=True)
    calls = [
        node.func
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "LLM"
    ]
    for name in sorted(calls, key=lambda n: (n.lineno, n.col_offset), reverse=True):
        line, end = lines[name.lineno - 1], name.col_offset + len("LLM")
        call = f'__import__("{module}").routed(LLM)'.encode()
        lines[name.lineno - 1] = line[: name.col_offset] + call + line[end:]
    return b"".join(lines).decode()


def run(checkout: Path, directories: list[str], processes: int) -> dict[str, str]:
    """Outcome of each test by its name: ``passed``, ``skipped``, or how it failed."""
    report = checkout / "report.xml"
    here = str(Path(__file__).parent)
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            filter(None, [here, os.environ.get("PYTHONPATH")])
        ),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OPENHANDS_SUPPRESS_BANNER": "1",
    }
    options = ["-q", "-p", PLUGIN, "--timeout=120", f"--junitxml={report}"]
    command = [sys.executable, "-m", "pytest", *options, "-n", str(processes)]
    paths = [f"tests/{directory}" for directory in directories]
    subprocess.run(
        [*command, *paths], cwd=checkout, env=environ, stdout=subprocess.DEVNULL
    )
    return {
        f"{case.get('classname')}::{case.get('name')}": _outcome(case)
        for case in ElementTree.parse(report).iter("testcase")
    }


def _outcome(case: ElementTree.Element) -> str:
    for kind in ("failure", "error"):
        if (found := case.find(kind)) is not None:
            return (found.get("message") or kind).strip().split("\n")[0]
    return "passed" if case.find("skipped") is None else "skipped"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("directories", nargs="*", default=list(DIRECTORIES))
    parser.add_argument("-n", type=int, default=2, help="processes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plain, router = Path(folder, "plain"), Path(folder, "router")
        for copied in (plain, router):
            shutil.copytree(
                given.checkout, copied, ignore=shutil.ignore_patterns(".git", ".venv")
            )
        made = 0
        for path in (router / "tests").rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            changed = substitute(source) if "LLM(" in source else source
            if changed != source:
                path.write_text(changed, encoding="utf-8")
                made += 1
        before = run(plain, given.directories, given.n)
        after = run(router, given.directories, given.n)
    common = before.keys() & after.keys()
    passed = {name for name in common if before[name] == "passed"}
    lost = sorted(name for name in passed if after[name] != "passed")
    won = [n for n in common if after[n] == "passed" and before[n] != "passed"]
    print(f"{made} files make an LLM; {len(common)} tests ran in both")
    print(f"plain model: {len(passed)} passed")
    print(f"router: {len(passed) - len(lost) + len(won)} passed")
    print(f"passed with the plain model only: {len(lost)}")
    for name in lost:
        print(f"  {name}\n    {after[name][:200]}")


if __name__ == "__main__":
    main()
