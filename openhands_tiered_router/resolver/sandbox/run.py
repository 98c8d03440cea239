"""A task in a sandbox: the agent works elsewhere, and its change comes back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from filelock import FileLock, Timeout

from openhands_tiered_router.config.resolver import Sandbox, SandboxSettings
from openhands_tiered_router.resolver import prompt
from openhands_tiered_router.resolver.ending import EXIT_NOT_DELIVERED
from openhands_tiered_router.resolver.errors import DeliveryError, UsageProblem
from openhands_tiered_router.resolver.progress import Progress
from openhands_tiered_router.resolver.routers import router_of
from openhands_tiered_router.resolver.sandbox import opening, transfer
from openhands_tiered_router.resolver.sandbox.docker import SESSION_KEY
from openhands_tiered_router.resolver.sandbox.opening import Place, told
from openhands_tiered_router.resolver.sandbox.served import Served
from openhands_tiered_router.resolver.sandbox.snapshot import BRANCH, Snapshot
from openhands_tiered_router.resolver.work import Done


if TYPE_CHECKING:
    from openhands.sdk.conversation.impl.remote_conversation import RemoteConversation

    from openhands_tiered_router.router import ComplexityRouter


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
    """``None``: as configured."""
    budget: float | None
    """Of the conversation in all, USD."""
    task_value: float | None = None
    """What it is worth, USD; ``None``: as configured."""
    ask: Callable[[RemoteConversation], bool] | None = None
    """Asks the user for what waits for a yes; see ``Served``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended, and what it changed here."""

    place: Place
    done: Done
    changed: tuple[str, ...] = ()
    """Paths in the workspace."""
    problem: str = ""
    """Why the change is not in the workspace; "": it is."""

    @property
    def exit_code(self) -> int:
        return EXIT_NOT_DELIVERED if self.problem else self.done.exit_code


def sandbox_of(chosen: str | None, state: Path, resume: UUID | None) -> Sandbox:
    """Where to run: what is asked for; else where the conversation began, which is
    this machine for a new one.

    Raises:
        UsageProblem: It began elsewhere than what is asked for.
    """
    began = Sandbox.LOCAL
    if resume is not None:
        began = _began(_private(state, resume))
    if chosen is None:
        return began
    if resume is not None and chosen != began:
        raise UsageProblem(
            f"{resume} began with {began}, and is there; leave the option out"
        )
    return Sandbox(chosen)


def _private(state: Path, conversation: UUID) -> Path:
    return state / "sandboxed" / conversation.hex


def _began(private: Path) -> Sandbox:
    try:
        return Sandbox((private / "sandbox").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return Sandbox.LOCAL


def run(request: Request, progress: Progress) -> Result:
    """Runs the agent in the sandbox, and applies its change here.

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
            return _alone(request, settings, conversation, progress)
    except Timeout:
        raise UsageProblem(
            f"another run works on {conversation}; wait for it"
        ) from None


def _alone(
    request: Request,
    settings: SandboxSettings,
    conversation: UUID,
    progress: Progress,
) -> Result:
    """No other run works on that conversation."""
    place = Place(
        sandbox=request.sandbox,
        settings=settings,
        conversation=conversation,
        directory=_private(request.state, conversation),
        api_key=os.environ.get(SESSION_KEY),
        tell=progress.tell,
    )
    with progress.waiting("Loading the OpenHands SDK"):
        router = router_of(request.config, request.verify, request.task_value)
    for note in _notes(router, place):
        progress.note(note)
    if request.resume is not None and request.task_value is not None:
        # A server keeps an agent as it came.
        progress.note("--task-value counts for a new conversation; this one keeps its.")
    return _run(request, router, progress, place)


def _run(
    request: Request, router: ComplexityRouter, progress: Progress, place: Place
) -> Result:
    served = Served(
        router=router,
        reporter=progress,
        sandbox=request.sandbox,
        max_iterations=request.max_iterations,
        usd=request.budget,
        ask=request.ask,
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
        changed = snapshot.take_back(commit, patch)
    except DeliveryError as error:
        return Result(place=place, done=done, problem=str(error))
    return Result(place=place, done=done, changed=changed)


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
        yield f"Decisions are recorded in {where}, not in this machine's telemetry."
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
