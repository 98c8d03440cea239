"""``tiered-router run --sandbox``: the agent works elsewhere, the change comes back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import click
from filelock import FileLock, Timeout

from openhands_tiered_router.cli.confirming import ask_for_all, can_ask
from openhands_tiered_router.cli.headless import router_of
from openhands_tiered_router.cli.served import Served, ServedReporter
from openhands_tiered_router.redaction import visible
from openhands_tiered_router.resolver import prompt
from openhands_tiered_router.resolver.errors import DeliveryError, UsageProblem
from openhands_tiered_router.resolver.sandbox import opening, transfer
from openhands_tiered_router.resolver.sandbox.docker import SESSION_KEY
from openhands_tiered_router.resolver.sandbox.opening import Place
from openhands_tiered_router.resolver.sandbox.problems import told
from openhands_tiered_router.resolver.sandbox.settings import Sandbox, SandboxSettings
from openhands_tiered_router.resolver.sandbox.snapshot import BRANCH, Snapshot
from openhands_tiered_router.resolver.work import EXIT_NOT_DELIVERED, Done


if TYPE_CHECKING:
    from openhands.sdk.conversation.impl.remote_conversation import RemoteConversation

    from openhands_tiered_router import ComplexityRouter


_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for."""

    sandbox: Sandbox
    task: str | None
    """``None``: go on with what was asked for before."""
    workspace: Path
    config: str | None
    max_iterations: int
    resume: UUID | None
    state: Path
    """Where conversations are kept."""
    verify: bool | None
    budget: float | None
    task_value: float | None
    as_json: bool


def sandbox_of(chosen: str | None, state: Path, resume: UUID | None) -> Sandbox:
    """Where to run: what is asked for; else where the conversation began, which is
    this machine for a new one.

    Raises:
        click.BadParameter: It began elsewhere than what is asked for.
    """
    began = Sandbox.LOCAL
    if resume is not None:
        began = _began(_private(state, resume))
    if chosen is None:
        return began
    if resume is not None and chosen != began:
        raise click.BadParameter(
            f"{resume} began with {began}, and is there; leave the option out",
            param_hint="--sandbox",
        )
    return Sandbox(chosen)


def _private(state: Path, conversation: UUID) -> Path:
    return state / "sandboxed" / conversation.hex


def _began(private: Path) -> Sandbox:
    try:
        return Sandbox((private / "sandbox").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return Sandbox.LOCAL


def run(request: Request) -> int:
    """Runs the agent in the sandbox, applies its change here, and tells.

    Raises:
        ConfigError: The configuration cannot be used.
        ResolveError: The sandbox cannot be used.
    """
    from openhands_tiered_router.config import open_config

    settings = open_config(request.config).sandbox
    opening.check(request.sandbox, settings)
    conversation = request.resume or uuid4()
    private = _private(request.state, conversation)
    private.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(private / "lock", timeout=0):
            (private / "sandbox").write_text(request.sandbox, encoding="ascii")
            return _alone(request, settings, conversation)
    except Timeout:
        raise UsageProblem(
            f"another run works on {conversation}; wait for it"
        ) from None


def _alone(request: Request, settings: SandboxSettings, conversation: UUID) -> int:
    """No other run works on that conversation."""
    reporter = ServedReporter(as_json=request.as_json)
    place = Place(
        sandbox=request.sandbox,
        settings=settings,
        conversation=conversation,
        directory=_private(request.state, conversation),
        api_key=os.environ.get(SESSION_KEY),
        tell=reporter.tell,
    )
    with reporter.waiting("Loading the OpenHands SDK"):
        router = router_of(request.config, request.verify, request.task_value)
    for note in _notes(router, place):
        reporter.note(note)
    if request.resume is not None and request.task_value is not None:
        # A server keeps an agent as it came.
        reporter.note("--task-value counts for a new conversation; this one keeps its.")
    done, changed, problem = _run(request, router, reporter, place)
    code = EXIT_NOT_DELIVERED if problem else done.exit_code
    _tell(request, place, reporter, done, changed, code)
    if problem:
        click.echo(f"Error: {problem}", err=True)
    return code


def _run(
    request: Request, router: ComplexityRouter, reporter: ServedReporter, place: Place
) -> tuple[Done, tuple[str, ...], str]:
    """How it ended, the paths that changed here, and why the change is not here."""
    served = Served(
        router=router,
        reporter=reporter,
        sandbox=request.sandbox,
        max_iterations=request.max_iterations,
        usd=request.budget,
        ask=ask_for_all if can_ask() and not request.as_json else None,
    )
    snapshot = Snapshot(request.workspace, place.directory)
    commit, base = snapshot.take()
    with told(place), opening.opened(place) as workspace:
        transfer.bring(workspace, snapshot.trees.git, commit, base, BRANCH)
        try:
            done = served(
                workspace,
                place.conversation,
                lambda conversation: tuple(_messages(request, place, conversation)),
                fresh=request.resume is None,
            )
        except BaseException:
            # Such as SIGTERM: a container that is removed takes its files along.
            with suppress(Exception):
                snapshot.take_back(commit, transfer.fetch(workspace))
            raise
        patch = transfer.fetch(workspace)
    try:
        return done, snapshot.take_back(commit, patch), ""
    except DeliveryError as error:
        return done, (), str(error)


def _messages(
    request: Request, place: Place, conversation: RemoteConversation
) -> Iterator[str]:
    from openhands.sdk.event import MessageEvent

    events = conversation.state.events
    known = any(isinstance(e, MessageEvent) and e.source == "user" for e in events)
    if request.resume is not None and not known:
        # It carries another one on, which has another budget.
        first = _first_message(conversation, place)
        yield f"{first}\n\n{prompt.BEGUN}" if first else prompt.BEGUN
    if request.task is not None:
        yield request.task


def _first_message(conversation: RemoteConversation, place: Place) -> str:
    """The task that the conversation before this one began with."""
    path = f"/api/conversations/{place.conversation}/events/search"
    answer = conversation.workspace.client.get(path, params={"limit": 100})
    answer.raise_for_status()
    for event in answer.json()["items"]:
        if event["kind"] == "MessageEvent" and event["source"] == "user":
            parts = event["llm_message"]["content"]
            return "\n".join(p["text"] for p in parts if p.get("type") == "text")
    return ""


def _notes(router: ComplexityRouter, place: Place) -> Iterator[str]:
    """What is not as it is without a sandbox."""
    from openhands_tiered_router.guards.confirm.settings import Mode

    settings = router.settings
    docker = place.sandbox is Sandbox.DOCKER
    where = f"the Docker volume {place.volume}" if docker else "the agent-server"
    if settings.telemetry.enabled:
        yield f"Decisions go on record in {where}, not in this machine's telemetry."
    if settings.budgets:
        yield f"[[budgets]] count what is spent by {where}, not what is spent here."
    if settings.confirm.enabled and settings.confirm.mode is Mode.QUEUE:
        yield "Nobody can say yes there: what [confirm] lets wait is not done."
    for key, llm in router.llms_for_routing.items():
        if docker and urlsplit(llm.base_url or "").hostname in _HERE:
            yield (
                f"{key} is at {llm.base_url}, which is the container itself there; "
                "write host.docker.internal or an address that it reaches."
            )


def _tell(
    request: Request,
    place: Place,
    reporter: ServedReporter,
    done: Done,
    changed: tuple[str, ...],
    code: int,
) -> None:
    verification: dict[str, str] | None = None
    if done.verification:
        word = "verified" if done.verified else "unverified"
        verification = {"status": word, "reason": done.verification}
    if request.as_json:
        line: dict[str, Any] = {
            "type": "end",
            "status": done.status,
            "exit_code": code,
            "conversation": str(place.conversation),
            "cost_usd": done.usd,
            "tiers": {name: cost.calls for name, cost in done.tiers.items()},
            "verification": verification,
            "sandbox": str(place.sandbox),
            "changed": list(changed),
        }
        click.echo(json.dumps(line))
        return
    reporter.end_served(done)
    if verification is not None:
        click.echo(": ".join(verification.values()))
    click.echo(f"Changed here: {', '.join(map(visible, changed)) or 'nothing'}")
    if done.status in ("paused", "error"):
        again = f"tiered-router run --resume {place.conversation}"
        click.echo(f"{done.status.title()}. Go on with: {again}")
