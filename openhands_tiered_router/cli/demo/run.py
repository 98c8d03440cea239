"""One run of the demo: everything is real but the models' answers."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from openhands_tiered_router.cli.demo.models import (
    PRICES,
    configuration,
    name_at_provider,
)
from openhands_tiered_router.loopback import LoopbackProvider, Script
from openhands_tiered_router.loopback.exchange import Message, Request
from openhands_tiered_router.loopback.faults import Overloaded
from openhands_tiered_router.loopback.metering import Charge, Metered, price
from openhands_tiered_router.loopback.scripts import recording
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.tiers import Prices, Tier


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation
    from openhands.sdk.event import Event

    from openhands_tiered_router.calls.fleet import RoutedCall
    from openhands_tiered_router.router import ComplexityRouter


TASKS: Final = (
    "The tests of this project fail. Find out why and fix it.",
    "[tier: reasoning] Before I merge this: could a total ever be negative?",
    "[tier: medium] Then guard against it, with a test.",
)
"""What the user says: a task, a question for the strongest tier, an easy follow-up."""
FAULTY_CALL: Final = 3
"""Which call to the simple model is answered with 503, to show what happens then."""


class Observer(Protocol):
    """Watches a run."""

    def begin(
        self,
        router: ComplexityRouter,
        conversation: LocalConversation,
        alone: Callable[[], Sequence[float]],
    ) -> None:
        """``alone`` gives what each call so far would have cost on complex alone."""
        ...

    def event(self, event: Event) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What one run came to. Money in USD."""

    before: SuiteResult
    """The project's tests before the agent came."""
    after: SuiteResult
    calls: tuple[RoutedCall, ...]
    booked: float
    """Cost in the SDK's metrics."""
    charged: float
    """What the provider charged."""
    cold: float
    """Part of ``charged``: each model's first call, when it has nothing cached."""
    alone: tuple[float, ...]
    """What the provider would have charged for each call with the complex tier alone;
    an estimate."""

    @property
    def fix(self) -> int:
        """How many calls the fix took: what comes after is asked of a tier by name."""
        asked = (n for n, call in enumerate(self.calls) if call.decision.pinned)
        return next(asked, len(self.calls))

    @property
    def cold_share(self) -> float:
        return self.cold / self.charged if self.charged else 0.0

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """The tiers that served, weakest first."""
        return tuple(sorted({c.tier for c in self.calls if c.outcome.endpoint}))


def run_demo(
    directory: Path,
    observers: Sequence[Observer] = (),
    *,
    only: Tier | None = None,
) -> DemoResult:
    """Let an agent fix the bundled project.

    Args:
        directory: Project, configuration and telemetry go into this directory.
        observers: Notified of the conversation.
        only: A tier to serve every call, instead of routing.
    """
    project = copy_project(directory)
    before = run_tests(project)
    prices = {name_at_provider(tier): PRICES[tier] for tier in Tier}
    with LoopbackProvider(_script(project), prices=prices) as provider:
        simple = name_at_provider(Tier.SIMPLE)
        provider.faults.at(FAULTY_CALL, Overloaded(), model=simple)
        config = directory / "tiered-router.toml"
        database = directory / "telemetry.sqlite"
        config.write_text(configuration(provider.base_url, database), encoding="utf-8")

        def alone() -> list[float]:
            charges = list(provider.charged)
            answered = [provider.requests[c.number - 1] for c in charges]
            return costs_on_one_model(answered, charges, PRICES[Tier.COMPLEX])

        calls, booked = _converse(config, project, observers, only, alone)
    charges = provider.charged
    first_calls = {c.model: c for c in reversed(charges)}
    return DemoResult(
        before=before,
        after=run_tests(project),
        calls=calls,
        booked=booked,
        charged=provider.total_usd,
        cold=sum(c.usd or 0 for c in first_calls.values()),
        alone=tuple(alone()),
    )


def _script(project: Path) -> Script:
    variables = {"workspace": str(project), "python": shlex.quote(sys.executable)}
    with as_file(files(__package__) / "recording.json") as path:
        return recording(path, variables)


def _converse(
    config: Path,
    project: Path,
    observers: Sequence[Observer],
    only: Tier | None,
    alone: Callable[[], Sequence[float]],
) -> tuple[tuple[RoutedCall, ...], float]:
    """The conversation: its routed calls, and its cost in the SDK's books."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing from the network
    # Importing the SDK takes seconds, which nobody shall wait for who asks for help.
    from openhands.sdk import Tool
    from openhands.tools.file_editor import FileEditorTool
    from openhands.tools.terminal import TerminalTool

    from openhands_tiered_router import ComplexityRouter, routed_conversation

    router = ComplexityRouter.from_config(config)
    router.pin(only)
    # This terminal needs no tmux, and its shell reads no start files: the user's may
    # be slow enough for a command to be given up.
    terminal = Tool(
        name=TerminalTool.name,
        params={"terminal_type": "subprocess", "env": {"HOME": str(project)}},
    )
    conversation = routed_conversation(
        router,
        project,
        tools=[terminal, Tool(name=FileEditorTool.name)],
        callbacks=[o.event for o in observers],
        visualizer=None,
    )
    for observer in observers:
        observer.begin(router, conversation, alone)
    try:
        for task in TASKS:
            conversation.send_message(task)
            conversation.run()
        metrics = conversation.conversation_stats.get_combined_metrics()
        return tuple(router.calls(conversation.id)), metrics.accumulated_cost
    finally:
        conversation.close()


def costs_on_one_model(
    requests: Sequence[Request], charges: Sequence[Charge], prices: Prices
) -> list[float]:
    """Cost, USD, of each answered call of one conversation at these prices.

    Assumes that this model would have said the same, and that of each prompt its
    provider reads what the prompt before it consisted of, and writes the rest: so it
    is with a cache breakpoint at the end of each prompt and calls that follow each
    other within the cache's lifetime.

    Args:
        requests: The requests that were answered, in their order.
        charges: What each of them was charged for.
        prices: The model's prices, USD per token.
    """
    costs: list[float] = []
    cached: list[object] = []
    cached_tokens = 0
    for request, charge in zip(requests, charges, strict=True):
        prompt = charge.usage.prompt
        said = [_content(m) for m in request.messages]
        grows = bool(cached) and said[: len(cached)] == cached
        read = min(cached_tokens, prompt) if grows else 0
        usage = Usage(
            prompt=prompt,
            completion=charge.usage.completion,
            cache_read=read,
            cache_write=prompt - read,
        )
        costs.append(price(Metered(usage), prices))
        cached, cached_tokens = said, prompt
    return costs


def _content(message: Message) -> object:
    """What stays of a message whichever model it is sent to.

    Thoughts are sent only to the model that had them, and ids are spelt as its
    provider wants them.
    """
    calls = [(c.name, c.arguments) for c in message.tool_calls]
    results = [r.text for r in message.tool_results]
    return message.role, message.text, calls, results


TEST_SECONDS: Final = 60
"""The project's tests take a fraction of a second; this only stops a hang."""


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """One run of the project's tests."""

    passed: bool
    ran: int
    """How many tests there were."""


def copy_project(directory: Path) -> Path:
    """Copy the project into that directory; returns its root."""
    root = directory / "project"
    ignore = shutil.ignore_patterns("__pycache__")
    with as_file(files(__package__) / "project") as source:
        shutil.copytree(source, root, ignore=ignore)
    return root


def run_tests(root: Path) -> SuiteResult:
    """Run the project's tests with this interpreter."""
    result = subprocess.run(
        [sys.executable, "-B", "-m", "unittest"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=TEST_SECONDS,
        check=False,
    )
    count = re.search(r"^Ran (\d+) tests?", result.stderr, re.MULTILINE)
    ran = int(count[1]) if count else 0
    return SuiteResult(passed=result.returncode == 0 and ran > 0, ran=ran)
