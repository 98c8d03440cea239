"""``resolve``: from what is asked for to what has been delivered."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from filelock import FileLock, Timeout

from openhands_tiered_router.config import open_config
from openhands_tiered_router.config.reach import check_keys, check_network
from openhands_tiered_router.config.resolver import (
    ResolverSettings,
    Sandbox,
    SandboxSettings,
)
from openhands_tiered_router.resolver import delivery
from openhands_tiered_router.resolver.checkout import Checkout, Source, source_of
from openhands_tiered_router.resolver.ending import EXIT_NOT_DELIVERED
from openhands_tiered_router.resolver.errors import DeliveryError, UsageProblem
from openhands_tiered_router.resolver.forges import Forge, forge_of
from openhands_tiered_router.resolver.issue import Issue, Reference, reference_of
from openhands_tiered_router.resolver.labels import Wishes, wishes_of
from openhands_tiered_router.resolver.local import LocalAgent
from openhands_tiered_router.resolver.progress import Progress
from openhands_tiered_router.resolver.record import id_of
from openhands_tiered_router.resolver.resolution import (
    Outcome,
    Resolution,
    forget_conversation,
)
from openhands_tiered_router.resolver.routers import forgetful, limited, router_of
from openhands_tiered_router.resolver.sandbox import opening
from openhands_tiered_router.resolver.sandbox.docker import SESSION_KEY
from openhands_tiered_router.resolver.sandbox.opening import Place
from openhands_tiered_router.resolver.sandbox.remote import RemoteAgent
from openhands_tiered_router.resolver.sandbox.served import Served
from openhands_tiered_router.resolver.work import Worker
from openhands_tiered_router.tiers import Tier


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation, RemoteConversation

    from openhands_tiered_router.router import ComplexityRouter


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for."""

    state: Path
    """Directory that runs and conversations are kept in."""
    issue: str = ""
    """A file, a text, an address; see ``issue.reference_of``."""
    repo: str | None = None
    """A directory or a clone URL; ``None``: the issue's own, else where we are."""
    given: str = ""
    """What standard input held, if that is the issue."""
    config: str | None = None
    patch: Path | None = None
    push: bool = False
    pr: bool = False
    sandbox: str | None = None
    budget: float | None = None
    """Of all runs on the issue, USD."""
    task_value: float | None = None
    """What it is worth, USD; ``None``: as configured."""
    tier: str | None = None
    max_iterations: int = 500
    verify: bool = True
    unverified: bool = False
    fresh: bool = False
    ask: Callable[[LocalConversation], None] | None = None
    """Asks the user for what waits for a yes; ``None``: nobody is there."""
    ask_there: Callable[[RemoteConversation], bool] | None = None
    """The same on a server; see ``Served``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it."""

    plan: Plan
    outcome: Outcome
    conversation: UUID
    delivered: dict[str, str]
    """Where the change is now, by how it was delivered: ``branch``, ``patch``,
    ``pushed``, ``request``."""
    problem: str = ""
    """Why a delivery failed; "": none did."""

    @property
    def exit_code(self) -> int:
        return EXIT_NOT_DELIVERED if self.problem else self.outcome.exit_code


def resolve(request: Request, progress: Progress) -> Result:
    """Works on the issue until it is resolved or the agent stops, and delivers.

    Raises:
        ConfigError: The configuration cannot be used.
        UsageProblem: What is asked for makes no sense, or another run works on it.
        DeliveryError: The work is done and kept, but does not fit the checkout.
        ResolveError: The issue, the repository or the sandbox cannot be used.
    """
    return _locked(_plan(request), progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is known before the agent begins."""

    request: Request
    reference: Reference
    issue: Issue
    source: Source
    forge: Forge | None
    settings: ResolverSettings
    sandbox: Sandbox
    sandboxes: SandboxSettings
    wishes: Wishes
    git: dict[str, str] = field(default_factory=dict, repr=False)
    """Git's settings for the forge, with the token."""

    @property
    def id(self) -> UUID:

        return id_of(self.source.identity, self.reference.identity)


def _plan(request: Request) -> Plan:
    config = open_config(request.config)
    settings, sandboxes = config.resolver, config.sandbox
    reference = reference_of(request.issue, request.given)
    place = reference.place
    source = source_of(request.repo or (place.clone_url if place else "."))
    _check(request, source, reference)
    chosen = Sandbox(request.sandbox) if request.sandbox else settings.sandbox
    opening.check(chosen, sandboxes)
    if chosen is Sandbox.LOCAL:  # elsewhere the network may be another
        check_keys(config, os.environ)
        check_network(config, os.environ)
    forge = forge_of(place, os.environ) if place else None
    found = forge.issue() if forge else reference.issue
    assert found is not None  # a reference without a place has its issue with it
    wishes = wishes_of(found, forge, settings.trusted) if forge else Wishes()
    return Plan(
        request=request,
        reference=reference,
        issue=found,
        source=source,
        forge=forge,
        settings=settings,
        sandbox=chosen,
        sandboxes=sandboxes,
        wishes=wishes,
        git=forge.push_settings() if forge else {},
    )


def _check(request: Request, source: Source, reference: Reference) -> None:
    pushes = request.push or request.pr
    if request.pr and reference.place is None:
        raise UsageProblem("--pr needs an issue on GitHub or GitLab")
    if pushes and source.path is not None and source.git is None:
        raise UsageProblem(f"{source.path} is no git repository; use --patch")
    if not (pushes or request.patch or source.keeps_branches):
        raise UsageProblem(
            "say where the change shall go: --patch FILE, --push or --pr"
        )


def _locked(plan: Plan, progress: Progress) -> Result:
    """One run at a time on an issue."""
    state = plan.request.state / "resolver"
    state.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(state / f"{plan.id.hex}.lock", timeout=0):
            return _resolve(plan, state, progress)
    except Timeout:
        raise UsageProblem("another run works on this issue; wait for it") from None


def _resolve(plan: Plan, state: Path, progress: Progress) -> Result:
    request = plan.request
    conversations = request.state / "conversations"
    with progress.waiting("Loading the OpenHands SDK"):
        worker = _worker(plan, progress, conversations, state / plan.id.hex)
    resolution = Resolution(
        reference=plan.reference,
        issue=plan.issue,
        source=plan.source,
        state=state,
        worker=worker,
        forget=forget_conversation(conversations),
        settings=plan.git,
        unverified=request.unverified or not request.verify,
    )
    outcome = resolution.run(request.fresh)
    delivered: dict[str, str] = {}
    problem = ""
    if outcome.commit:
        try:
            _deliver(plan, resolution.checkout, outcome, delivered)
        except DeliveryError as error:
            problem = str(error)
    return Result(
        plan=plan,
        outcome=outcome,
        conversation=resolution.id,
        delivered=delivered,
        problem=problem,
    )


def _worker(
    plan: Plan, progress: Progress, conversations: Path, resolution: Path
) -> Worker:

    request, settings, wishes = plan.request, plan.settings, plan.wishes
    labelled = min(wishes.usd, settings.max_usd) if wishes.usd else settings.usd
    usd = request.budget or labelled
    router = router_of(request.config, request.verify, request.task_value)
    router = forgetful(router)
    tier = Tier.parse(request.tier) if request.tier else wishes.tier
    if plan.sandbox is not Sandbox.LOCAL:
        return _remote(plan, router, progress, resolution, usd, tier)
    router.pin(tier)
    return LocalAgent(
        router=limited(router, usd),
        conversations=conversations,
        reporter=progress,
        max_iterations=request.max_iterations,
        keep=settings.keep,
        ask=request.ask,
    )


def _remote(
    plan: Plan,
    router: ComplexityRouter,
    progress: Progress,
    resolution: Path,
    usd: float,
    tier: Tier | None,
) -> Worker:
    served = Served(
        router=router,
        reporter=progress,
        sandbox=plan.sandbox,
        max_iterations=plan.request.max_iterations,
        usd=usd,
        ask=plan.request.ask_there,
    )
    place = Place(
        sandbox=plan.sandbox,
        settings=plan.sandboxes,
        conversation=plan.id,
        directory=resolution,
        api_key=os.environ.get(SESSION_KEY),
        tell=progress.tell,
    )
    return RemoteAgent(served=served, place=place, tier=tier)


def _deliver(
    plan: Plan, checkout: Checkout, outcome: Outcome, delivered: dict[str, str]
) -> None:

    request, place = plan.request, plan.reference.place
    if plan.source.keeps_branches:
        delivered["branch"] = outcome.branch
    if request.patch is not None:
        delivery.write_patch(request.patch, checkout, outcome)
        delivered["patch"] = str(request.patch)
    if request.push or request.pr:
        delivery.push(checkout, outcome, plan.git)
        delivered["pushed"] = outcome.branch
    if request.pr and plan.forge is not None and place is not None:
        delivered["request"] = delivery.propose(plan.forge, place, outcome)
