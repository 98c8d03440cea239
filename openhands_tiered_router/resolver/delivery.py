"""The finished change as a patch, a pushed branch, or a pull or merge request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from openhands_tiered_router import textfiles
from openhands_tiered_router.git import Git, over
from openhands_tiered_router.resolver.checkout import Checkout
from openhands_tiered_router.resolver.errors import DeliveryError, ResolveError
from openhands_tiered_router.resolver.forges import Forge, Proposal
from openhands_tiered_router.resolver.issue import Place
from openhands_tiered_router.resolver.resolution import Outcome


def write_patch(path: Path, checkout: Checkout, outcome: Outcome) -> None:
    """Write the change, whole or not at all.

    Raises:
        DeliveryError: The file cannot be written.
    """
    patch = checkout.trees.patch(outcome.base, outcome.commit)
    try:
        textfiles.write(path, patch)
    except textfiles.TextFileError as error:
        raise DeliveryError(str(error)) from None


def push(checkout: Checkout, outcome: Outcome, settings: Mapping[str, str]) -> str:
    """Push the branch to where the repository came from; gives back that address.

    What others have pushed to the branch is never overwritten.

    Raises:
        DeliveryError: There is no such place, or it refused.
    """
    source = checkout.source
    address = source.identity
    # With the user's own settings, which have their credentials, but not those of the
    # repository: an agent that worked in it could have named a program there.
    remote = Git(settings=settings, network=True, failure=ResolveError)
    target = f"{outcome.commit}:refs/heads/{outcome.branch}"
    try:
        if source.path is not None:
            address = checkout.git("remote", "get-url", "--push", "origin")
            if "://" not in address and Path(source.path, address).is_dir():
                address = str(Path(source.path, address).resolve())
        with over(checkout.git_dir, like=remote) as git:
            there = git("ls-remote", "--", address, f"refs/heads/{outcome.branch}")
            tip = there.split("\t")[0]
            if tip not in ("", outcome.commit, outcome.previous):
                raise DeliveryError(
                    f"the branch {outcome.branch} has commits of others there; rename "
                    "or delete it, and run again"
                )
            lease = f"--force-with-lease=refs/heads/{outcome.branch}:{tip}"
            git("push", "-q", "--no-verify", lease, "--", address, target)
    except DeliveryError:
        raise
    except ResolveError as error:
        raise DeliveryError(f"the branch cannot be pushed: {error}") from None
    return address


def propose(forge: Forge, place: Place, outcome: Outcome) -> str:
    """Open the pull or merge request, or bring it up to date; gives its address.

    Raises:
        DeliveryError: The forge refused.
    """
    proposal = Proposal(
        branch=outcome.branch,
        title=f"Resolve #{place.number}",
        body=description(place, outcome),
    )
    try:
        return forge.propose(proposal)
    except (ResolveError, KeyError, TypeError) as error:
        said = str(error) if isinstance(error, ResolveError) else "an odd answer"
        raise DeliveryError(f"no request could be opened: {said}") from None


def description(place: Place, outcome: Outcome) -> str:
    """The request's text: what was done for how much, none of the issue's words."""
    lines = [f"Closes #{place.number}", ""]
    lines.append(_VERIFIED if outcome.verified else _UNVERIFIED)
    if outcome.dependencies:
        names = ", ".join(f"`{path}`" for path in outcome.dependencies)
        lines.append(f"Dependency files change: {names}.")
    if outcome.done:
        lines += ["", "| tier | calls | tokens | USD |", "|---|--:|--:|--:|"]
        lines += [
            f"| {name} | {cost.calls} | {cost.tokens:,} | {cost.usd:.4f} |"
            for name, cost in outcome.done.tiers.items()
        ]
    return "\n".join([*lines, "", "Made by tiered-router; review it before you merge."])


_VERIFIED: Final = "The change was verified: the tests that it can reach pass."
_UNVERIFIED: Final = "The change was **not** verified."
