"""Start-up stays light, and no module knows what stands above it."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import openhands_tiered_router


PACKAGE = Path(openhands_tiered_router.__file__).parent
# What each package and module of the top level may import of the others, from the
# ground up. One that is missing here fails the test.
MAY_IMPORT: dict[str, set[str]] = {
    "pages": set(),
    "plural": set(),
    "textfiles": set(),
    "redaction": set(),
    "git": set(),
    "tiers": set(),
    "fields": {"tiers"},
    "graph": {"fields", "git", "pages"},
    "policy": {"fields", "tiers", "graph", "plural"},
    "rules": {"policy"},
    "pricing": {"policy", "tiers"},
    "calls": {"fields", "policy", "redaction", "tiers", "tokens"},
    "tokens": {"fields"},
    "memory": {"fields", "git", "policy", "redaction"},
    "loopback": {"policy", "tiers"},
    "guards": {
        "calls", "fields", "git", "graph", "plural", "policy", "redaction", "tiers",
    },
    "record": {
        "fields", "graph", "pages", "plural", "policy", "redaction", "tiers",
    },
    "settings": {
        "calls", "fields", "graph", "guards", "memory", "policy", "record", "skill_kit",
        "tiers", "tokens",
    },
    "config": {"fields", "pages", "policy", "redaction", "settings", "tiers"},
    "sdk": {
        "calls", "config", "graph", "guards", "memory", "policy", "record", "redaction",
        "settings", "tiers", "tokens",
    },
    "router": {
        "calls", "config", "guards", "policy", "record", "sdk", "settings", "tiers",
    },
    "skill_kit": {"fields", "graph", "plural", "textfiles"},
    "subagents": {"router", "skill_kit", "tiers"},
    "agent": {"calls", "guards", "router", "sdk", "skill_kit", "subagents"},
    "conversation": {"agent", "guards", "router"},
    "gateway": {
        "calls", "config", "guards", "policy", "record", "sdk", "tiers",
        "tokens",
    },
    "server": {"agent", "config", "guards", "router", "skill_kit"},
    "resolver": {
        "config", "conversation", "fields", "git", "guards", "pages", "policy",
        "redaction", "router", "textfiles", "tiers",
    },
}  # fmt: skip
ABOVE_ALL = {"__init__", "__main__", "cli"}
SDK_FREE = (
    "policy", "graph", "fields", "tiers", "plural", "textfiles", "redaction", "git",
    "tokens",
)  # fmt: skip


def imported(path: Path) -> set[str]:
    """Full names of what a module imports at any depth, type checking apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def modules(layer: str) -> list[Path]:
    single = PACKAGE / f"{layer}.py"
    return [single] if single.is_file() else sorted((PACKAGE / layer).rglob("*.py"))


def test_each_package_has_a_rule() -> None:
    found = {
        path.stem
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert found == MAY_IMPORT.keys() | ABOVE_ALL


def test_arrows_point_one_way() -> None:
    assert set(TopologicalSorter(MAY_IMPORT).static_order()) == MAY_IMPORT.keys()


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_nothing_knows_a_layer_above_it(layer: str) -> None:
    for path in modules(layer):
        own = {
            name.split(".")[1]
            for name in imported(path)
            if name.startswith("openhands_tiered_router.")
        }
        above = own - MAY_IMPORT[layer] - {layer}
        assert not above, f"{path.relative_to(PACKAGE)} imports {above}"


@pytest.mark.parametrize("layer", SDK_FREE)
def test_the_core_imports_neither_the_sdk_nor_litellm(layer: str) -> None:
    for path in modules(layer):
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & {"openhands", "litellm"}, path.relative_to(PACKAGE)


@pytest.mark.parametrize(
    "program",
    [
        "import openhands_tiered_router",
        "from openhands_tiered_router.cli import tiered_router as t;"
        "t.main(['--help'], standalone_mode=False)",
        "from openhands_tiered_router.policy import engine, rules",
        "from openhands_tiered_router.guards.budget import reservation;"
        "from openhands_tiered_router.calls.state import stores",
    ],
)
def test_start_up_imports_no_heavy_library(program: str) -> None:
    heavy = ("openhands", "litellm", "networkx", "aiohttp", "numpy")
    check = f"import sys; {program}; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_litellm_looks_for_no_prices_when_it_is_imported() -> None:
    """Where it finds none, it may fail to be imported: see docs/sdk.md."""
    program = "from openhands_tiered_router import ComplexityRouter"
    with socket.create_server(("127.0.0.1", 0)) as prices:
        address = f"http://127.0.0.1:{prices.getsockname()[1]}"
        environ = os.environ | {"LITELLM_MODEL_COST_MAP_URL": address}
        environ.pop("LITELLM_LOCAL_MODEL_COST_MAP")
        subprocess.run([sys.executable, "-c", program], env=environ, check=True)
        prices.setblocking(False)
        with pytest.raises(BlockingIOError):
            prices.accept()


@pytest.mark.slow
def test_threads_may_be_the_first_to_import() -> None:
    names = sorted(openhands_tiered_router.__all__)
    check = (
        "import sys, openhands_tiered_router as package;"
        "from concurrent.futures import ThreadPoolExecutor;"
        f"names = {names};"
        "pool = ThreadPoolExecutor(len(names));"
        "found = [pool.submit(getattr, package, name) for name in names];"
        "[each.result() for each in found]"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def test_every_command_module_is_light() -> None:
    check = (
        "import sys, importlib, pathlib;"
        f"folder = pathlib.Path({str(PACKAGE / 'cli')!r});"
        "names = [p.stem for p in folder.glob('*.py')];"
        "[importlib.import_module('openhands_tiered_router.cli.' + n)"
        " for n in names if n != '__init__'];"
        "print([m for m in ('openhands', 'litellm', 'networkx') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"
