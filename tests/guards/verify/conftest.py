"""A project under git with tests, and agents that work on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from openhands.sdk import LocalConversation, Tool
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router import ComplexityRouter, RoutedAgent
from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.guards.verify.git import Repository
from openhands_tiered_router.guards.verify.history import Deed
from openhands_tiered_router.guards.verify.judgement import Judgement, Reason
from openhands_tiered_router.guards.verify.settings import VerifySettings
from openhands_tiered_router.guards.verify.verifier import Verifier
from openhands_tiered_router.loopback import Reply, Request, Script
from openhands_tiered_router.policy import rules
from openhands_tiered_router.policy.engine import Draft
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Tier
from tests.routed.conftest import World


PRICE = "shop/price.py"
FILES = {
    ".gitignore": ".venv/\n__pycache__/\n",
    "shop/__init__.py": "",
    "shop/price.py": "def total(prices):\n    return sum(prices) + 1\n",
    "shop/receipt.py": (
        "from shop.price import total\n\n\n"
        "def receipt(prices):\n    return f'{total(prices):.0f} EUR'\n"
    ),
    "tests/test_receipt.py": (
        "from shop.receipt import receipt\n\n\n"
        "def test_receipt():\n    assert receipt([]) in ('0 EUR', '1 EUR')\n"
    ),
    "README.md": "A shop.\n",
}
NOTICES = (
    "from shop.price import total\n\n\ndef test_total():\n    assert total([1]) == 1\n"
)
"""A test that fails without the right change."""
RIGHT_ALONE = "printf 'def total(prices):\\n    return sum(prices)\\n' > shop/price.py"
RIGHT = f"{RIGHT_ALONE} && printf '%s' '{NOTICES}' > tests/test_price.py"
WRONG = "printf 'def total(prices):\\n    return str(sum(prices))\\n' > shop/price.py"
"""Breaks the receipt, which formats a number."""


@dataclass
class Project:
    """The working tree."""

    root: Path

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        return subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "state")


type Judge = Callable[..., Judgement]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    project.root.mkdir()
    for path, text in FILES.items():
        project.write(path, text)
    # A virtual environment's interpreter, without making one for each test.
    shim = project.root / ".venv" / "bin" / "python"
    shim.parent.mkdir(parents=True)
    quick = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_ADDOPTS="
    shim.write_text(f'#!/bin/sh\n{quick} exec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    project.git("init", "-q")
    project.commit()
    return project


@pytest.fixture
def judge(project: Project) -> Judge:
    """Judges what was done since the last commit."""

    def judge(
        request: str = "Correct the total.",
        done: list[Deed] | None = None,
        *,
        asked: Reason | None = None,
        **settings,
    ) -> Judgement:
        verifier = Verifier(
            project.root,
            VerifySettings.model_validate(settings),
            graph=lambda: build_graph(project.root, persistent=False, workers=0),
        )
        base = Repository.of(project.root).head()
        return verifier.judge(base, done or [], request, asked=asked)

    return judge


def cheap(draft: Draft) -> Draft:
    """Every turn goes to the weakest tier, unless something raises the floor."""
    if draft.request.purpose is not Purpose.TURN:
        return draft
    return replace(draft, required=Tier.SIMPLE)


CHEAP_FIRST = (
    rules.capable,
    rules.side_request,
    cheap,
    rules.floors,
    rules.pins,
    rules.choose,
)


@dataclass
class Shop:
    """An agent on the project, behind a router that begins with the weakest tier."""

    world: World
    project: Project

    def router(self, **settings: object) -> ComplexityRouter:
        verify = VerifySettings.model_validate({"enabled": True, **settings})
        wanted = RouterSettings(dispatch=self.world.quick, verify=verify)
        router = self.world.router(self.world.unrated, settings=wanted)
        return router.with_rules(CHEAP_FIRST)

    def conversation(
        self, router: ComplexityRouter | None = None, **fields: object
    ) -> LocalConversation:
        terminal = Tool(name=TerminalTool.name, params={"terminal_type": "subprocess"})
        agent = RoutedAgent(llm=router or self.router(), tools=[terminal])
        return self.world.conversation(agent, **fields)

    def script(self, *rounds: Sequence[str]) -> None:
        """What the model does before each of its ends, the later rounds after."""
        replies = [
            reply
            for commands in rounds
            for reply in [*map(self.world.terminal, commands), self.world.finish()]
        ]
        self.world.provider.script = past(replies)


def past(replies: Sequence[Reply]) -> Script:
    """The replies in order; at the end the last one again and again."""

    def script(request: Request) -> Reply:
        return replies[min(request.turn, len(replies) - 1)]

    return script


@pytest.fixture
def shop(project: Project, world: World) -> Shop:
    world.workspace = project.root
    return Shop(world, project)
