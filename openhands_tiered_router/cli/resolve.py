"""``tiered-router resolve``: an issue in, a verified change out."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.cli.confirming import ask, ask_for_all, can_ask
from openhands_tiered_router.cli.headless import (
    EXIT_ERROR,
    EXIT_USAGE,
    default_state_dir,
    limited,
    quiet_sdk,
    router_of,
    task_value_option,
)


if TYPE_CHECKING:
    from uuid import UUID

    from openhands_tiered_router import ComplexityRouter
    from openhands_tiered_router.cli.served import ServedReporter
    from openhands_tiered_router.resolver.checkout import Checkout, Source
    from openhands_tiered_router.resolver.forges import Forge
    from openhands_tiered_router.resolver.issue import Issue, Reference
    from openhands_tiered_router.resolver.labels import Wishes
    from openhands_tiered_router.resolver.resolution import Outcome
    from openhands_tiered_router.resolver.sandbox.settings import (
        Sandbox,
        SandboxSettings,
    )
    from openhands_tiered_router.resolver.settings import ResolverSettings
    from openhands_tiered_router.resolver.work import Worker
    from openhands_tiered_router.tiers import Tier


TIERS: Final = ("simple", "medium", "complex", "reasoning")

_EPILOG: Final = """\b
ISSUE is a file, a text, - for standard input, the URL of an issue on GitHub or GitLab,
or OWNER/REPO#N. REPO is a directory or a clone URL; by default the issue's own
repository, else the current directory.
\b
Exit codes:
  0  resolved; what was asked for is delivered
  1  the agent ended with an error       6  a budget is used up
  2  usage or configuration              7  another guard paused it
  3  --max-iterations reached            8  it finished without a change, or actions
  4  it was stuck in a loop                 wait for a yes; asked for at a terminal
  5  it finished, not verified           9  done, but not delivered: the branch,
                                            the push or the request was refused
                                       130  paused with Ctrl-C
After any of 1 to 9 and 130, the same command goes on where it ended.
\b
Examples:
  tiered-router resolve issue.md ../project --sandbox local --patch fix.patch
  tiered-router resolve OWNER/REPO#12 --pr
  tiered-router resolve --demo
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for."""

    config: str | None = None
    patch: Path | None = None
    show_patch: bool = False
    """Print the patch rather than where results are: they are soon removed."""
    push: bool = False
    pr: bool = False
    sandbox: str | None = None
    budget: float | None = None
    task_value: float | None = None
    tier: str | None = None
    max_iterations: int = 500
    verify: bool = True
    unverified: bool = False
    fresh: bool = False
    state_dir: Path | None = None
    as_json: bool = False

    @property
    def state(self) -> Path:
        return (self.state_dir or default_state_dir().parent).resolve()

    @property
    def asks(self) -> bool:
        """Whether somebody is there to say yes to what waits for it."""
        return can_ask() and not self.as_json


@click.command(epilog=_EPILOG)
@click.argument("issue", required=False)
@click.argument("repo", required=False)
@click.option("--config", help="Configuration file; else looked for as usual.")
@click.option(
    "--patch",
    type=click.Path(dir_okay=False, path_type=Path, resolve_path=True),
    help="Write the change there, for git apply.",
)
@click.option(
    "--push", is_flag=True, help="Push the branch to the repository's origin."
)
@click.option("--pr", is_flag=True, help="Push, and open a pull or merge request.")
@click.option(
    "--sandbox",
    type=click.Choice(["local", "docker", "remote"]),
    help="Where the agent runs; by default as configured, else docker.",
)
@click.option("--budget", type=click.FloatRange(0, min_open=True), metavar="USD")
@task_value_option
@click.option("--tier", type=click.Choice(TIERS), help="Serve every turn by this tier.")
@click.option(
    "--max-iterations", type=click.IntRange(1), default=500, show_default=True
)
@click.option("--verify/--no-verify", default=True, help="Verify the work; on.")
@click.option("--unverified", is_flag=True, help="Deliver what is not verified, too.")
@click.option("--fresh", is_flag=True, help="Forget earlier runs on this issue.")
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where runs are kept; by default in the user's state directory.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--demo", is_flag=True, help="Fix the bundled project, offline.")
def command(issue: str | None, repo: str | None, demo: bool, **options: Any) -> None:
    """Resolve an issue in an isolated copy of a repository."""
    chosen = Options(**options)
    if demo == (issue is not None):
        raise click.UsageError("give an issue, or --demo")
    quiet_sdk()
    if issue is None:
        from openhands_tiered_router.cli import resolve_demo

        sys.exit(resolve_demo.run_demo(chosen))
    given = sys.stdin.read() if issue == "-" else ""
    sys.exit(resolve(issue, repo, given, chosen))


def resolve(issue: str, repo: str | None, given: str, options: Options) -> int:
    """Resolves, tells what came of it, and gives back the exit code."""
    from openhands_tiered_router.config import ConfigError
    from openhands_tiered_router.resolver.errors import ResolveError, UsageProblem

    try:
        return _locked(_plan(issue, repo, given, options))
    except (ConfigError, ResolveError) as error:
        click.echo(f"Error: {error}", err=True)
        wrong = isinstance(error, ConfigError | UsageProblem)
        return EXIT_USAGE if wrong else EXIT_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Everything that is known before the agent begins."""

    options: Options
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
        from openhands_tiered_router.resolver.record import id_of

        return id_of(self.source.identity, self.reference.identity)


def _plan(issue: str, repo: str | None, given: str, options: Options) -> _Plan:
    from openhands_tiered_router.config import open_config
    from openhands_tiered_router.resolver.checkout import source_of
    from openhands_tiered_router.resolver.forges import forge_of
    from openhands_tiered_router.resolver.issue import reference_of
    from openhands_tiered_router.resolver.labels import Wishes, wishes_of
    from openhands_tiered_router.resolver.sandbox import opening
    from openhands_tiered_router.resolver.sandbox.settings import Sandbox

    config = open_config(options.config)
    settings, sandboxes = config.resolver, config.sandbox
    reference = reference_of(issue, given)
    place = reference.place
    source = source_of(repo or (place.clone_url if place else "."))
    _check(options, source, reference)
    chosen = Sandbox(options.sandbox) if options.sandbox else settings.sandbox
    opening.check(chosen, sandboxes)
    forge = forge_of(place, os.environ) if place else None
    found = forge.issue() if forge else reference.issue
    assert found is not None  # a reference without a place has its issue with it
    wishes = wishes_of(found, forge, settings.trusted) if forge else Wishes()
    return _Plan(
        options=options,
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


def _check(options: Options, source: Source, reference: Reference) -> None:
    from openhands_tiered_router.resolver.errors import UsageProblem

    pushes = options.push or options.pr
    if options.pr and reference.place is None:
        raise UsageProblem("--pr needs an issue on GitHub or GitLab")
    if pushes and source.path is not None and source.git is None:
        raise UsageProblem(f"{source.path} is no git repository; use --patch")
    if not (pushes or options.patch or source.keeps_branches):
        raise UsageProblem(
            "say where the change shall go: --patch FILE, --push or --pr"
        )


def _locked(plan: _Plan) -> int:
    """One run at a time on an issue."""
    from filelock import FileLock, Timeout

    from openhands_tiered_router.resolver.errors import UsageProblem

    state = plan.options.state / "resolver"
    state.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(state / f"{plan.id.hex}.lock", timeout=0):
            return _resolve(plan, state)
    except Timeout:
        raise UsageProblem("another run works on this issue; wait for it") from None


def _resolve(plan: _Plan, state: Path) -> int:
    from openhands_tiered_router.cli.served import ServedReporter
    from openhands_tiered_router.resolver.errors import DeliveryError
    from openhands_tiered_router.resolver.resolution import (
        Resolution,
        forget_conversation,
    )
    from openhands_tiered_router.resolver.work import EXIT_NOT_DELIVERED

    options = plan.options
    conversations = options.state / "conversations"
    reporter = ServedReporter(as_json=options.as_json)
    with reporter.waiting("Loading the OpenHands SDK"):
        worker = _worker(plan, reporter, conversations, state / plan.id.hex)
    resolution = Resolution(
        reference=plan.reference,
        issue=plan.issue,
        source=plan.source,
        state=state,
        worker=worker,
        forget=forget_conversation(conversations),
        settings=plan.git,
        unverified=options.unverified or not options.verify,
    )
    try:
        outcome = resolution.run(options.fresh)
    except DeliveryError as error:
        click.echo(f"Error: {error}", err=True)
        return EXIT_NOT_DELIVERED
    delivered: dict[str, str] = {}
    code = outcome.exit_code
    if outcome.commit:
        try:
            _deliver(plan, resolution.checkout, outcome, delivered)
        except DeliveryError as error:
            click.echo(f"Error: {error}", err=True)
            code = EXIT_NOT_DELIVERED
    _tell(plan, outcome, delivered, code, str(resolution.id))
    return code


def _worker(
    plan: _Plan, reporter: ServedReporter, conversations: Path, resolution: Path
) -> Worker:
    from openhands_tiered_router.cli.resolve_agent import LocalAgent
    from openhands_tiered_router.resolver.sandbox.settings import Sandbox
    from openhands_tiered_router.tiers import Tier

    options, settings, wishes = plan.options, plan.settings, plan.wishes
    labelled = min(wishes.usd, settings.max_usd) if wishes.usd else settings.usd
    usd = options.budget or labelled
    router = router_of(options.config, options.verify, options.task_value)
    tier = Tier.parse(options.tier) if options.tier else wishes.tier
    if plan.sandbox is not Sandbox.LOCAL:
        return _remote(plan, router, reporter, resolution, usd, tier)
    router.pin(tier)
    return LocalAgent(
        router=limited(router, usd),
        conversations=conversations,
        reporter=reporter,
        max_iterations=options.max_iterations,
        keep=settings.keep,
        ask=ask if options.asks else None,
    )


def _remote(
    plan: _Plan,
    router: ComplexityRouter,
    reporter: ServedReporter,
    resolution: Path,
    usd: float,
    tier: Tier | None,
) -> Worker:
    from openhands_tiered_router.cli.resolve_remote import RemoteAgent
    from openhands_tiered_router.cli.served import Served
    from openhands_tiered_router.resolver.sandbox.docker import SESSION_KEY
    from openhands_tiered_router.resolver.sandbox.opening import Place

    served = Served(
        router=router,
        reporter=reporter,
        sandbox=plan.sandbox,
        max_iterations=plan.options.max_iterations,
        usd=usd,
        ask=ask_for_all if plan.options.asks else None,
    )
    place = Place(
        sandbox=plan.sandbox,
        settings=plan.sandboxes,
        conversation=plan.id,
        directory=resolution,
        api_key=os.environ.get(SESSION_KEY),
        tell=reporter.tell,
    )
    return RemoteAgent(served=served, place=place, tier=tier)


def _deliver(
    plan: _Plan, checkout: Checkout, outcome: Outcome, delivered: dict[str, str]
) -> None:
    from openhands_tiered_router.resolver import delivery

    options, place = plan.options, plan.reference.place
    if plan.source.keeps_branches:
        delivered["branch"] = outcome.branch
    if options.patch is not None:
        delivery.write_patch(options.patch, checkout, outcome)
        delivered["patch"] = str(options.patch)
    if options.push or options.pr:
        delivery.push(checkout, outcome, plan.git)
        delivered["pushed"] = outcome.branch
    if options.pr and plan.forge is not None and place is not None:
        delivered["request"] = delivery.propose(plan.forge, place, outcome)


def _tell(
    plan: _Plan, outcome: Outcome, delivered: dict[str, str], code: int, id: str
) -> None:
    if plan.options.as_json:
        click.echo(json.dumps(_as_object(plan, outcome, delivered, code, id)))
        return
    from rich.console import Console

    from openhands_tiered_router.cli.costs import cost_table

    console = Console(highlight=False, soft_wrap=True)
    done = outcome.done
    if done is not None:
        console.print(cost_table(done.tiers))
        console.print(f"{done.status}; ${done.usd:.4f}", style="bold", markup=False)
        if done.verification:
            word = "verified" if done.verified else "not verified"
            console.print(f"{word}: {done.verification}", markup=False)
    else:
        console.print("Resolved before; --fresh begins anew.")
    if plan.options.show_patch and plan.options.patch is not None:
        console.print(plan.options.patch.read_text("utf-8", "replace"), markup=False)
        delivered = {}
    for what, where in delivered.items():
        console.print(f"{what}: {where}", markup=False)
    for name in plan.wishes.refused:
        text = f"label {name} is not obeyed: who set it is not trusted"
        console.print(text, markup=False)
    if outcome.dependencies:
        names = ", ".join(outcome.dependencies)
        console.print(f"Dependency files differ: {names}; install anew", markup=False)
    if outcome.kept is not None:
        console.print(f"Kept in {outcome.kept}; run again to go on", markup=False)


def _as_object(
    plan: _Plan, outcome: Outcome, delivered: dict[str, str], code: int, id: str
) -> dict[str, Any]:
    """The last line of ``--json``. Money in USD."""
    done = outcome.done
    return {
        "type": "resolution",
        "exit_code": code,
        "issue": plan.reference.identity,
        "repository": plan.source.identity,
        "conversation": id,
        "sandbox": str(plan.sandbox),
        "resumed": outcome.resumed,
        "status": done.status if done else "resolved before",
        "verified": outcome.verified,
        "verification": done.verification if done else "",
        "base": outcome.base,
        "commit": outcome.commit or None,
        "delivered": delivered,
        "cost_usd": done.usd if done else 0.0,
        "tiers": {n: asdict(c) for n, c in done.tiers.items()} if done else {},
        "dependencies_changed": list(outcome.dependencies),
        "labels_refused": list(plan.wishes.refused),
        "kept_in": str(outcome.kept) if outcome.kept else None,
    }
