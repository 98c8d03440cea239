"""The agent that ``resolve`` sets to work in a sandbox that is not this machine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.git import Git, over
from openhands_tiered_router.resolver import prompt
from openhands_tiered_router.resolver.checkout import Trees
from openhands_tiered_router.resolver.errors import DeliveryError, ResolveError
from openhands_tiered_router.resolver.hidden import hidden
from openhands_tiered_router.resolver.sandbox import opening, transfer
from openhands_tiered_router.resolver.sandbox.opening import Place, told
from openhands_tiered_router.resolver.sandbox.served import Served, verification_there
from openhands_tiered_router.resolver.work import Done, Work


if TYPE_CHECKING:
    from openhands.sdk.conversation.impl.remote_conversation import RemoteConversation
    from openhands.sdk.workspace import RemoteWorkspace

    from openhands_tiered_router.tiers import Tier


BRANCH: Final = "tiered-router"
"""The branch there; the issue's own is made here, of what comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAgent:
    """A routed agent in a container, or on an agent-server elsewhere."""

    served: Served
    place: Place
    tier: Tier | None = None
    """Serves every turn; sent in the message, since pins stay in their process."""

    def __call__(self, work: Work) -> Done:
        keys = self.served.router.settings.key_variables.values()
        with hidden(keys), told(self.place), opening.opened(self.place) as workspace:
            own = Git(work.directory / ".git", work.directory, failure=ResolveError)
            # What was uncommitted here, of an earlier run, goes with it.
            trees = Trees(work.directory / ".git", work.directory)
            head = own("rev-parse", "HEAD")
            commit = trees.commit(trees.tree(head), head, "Brought here")
            own("update-ref", "HEAD", commit)
            transfer.bring(workspace, own, commit, work.base, BRANCH)
            try:
                done = self.served(
                    workspace,
                    work.conversation,
                    lambda conversation: self._messages(conversation, work),
                    fresh=work.fresh,
                )
            except BaseException:
                # Such as SIGTERM: a container that is removed takes its files along.
                with suppress(Exception):
                    self._take_back(own, workspace)
                raise
            self._take_back(own, workspace)
            if done.exit_code == 0:
                transfer.remove(workspace)
        if done.exit_code == 0:
            opening.forget(self.place)
        return done

    def _take_back(self, own: Git, workspace: RemoteWorkspace) -> None:
        """
        Raises:
            DeliveryError: It does not fit what was brought; says where it is kept.
        """
        patch = transfer.fetch(workspace)
        if not patch:
            return
        kept = self.place.directory / "change.patch"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(patch)
        try:
            assert own.directory is not None
            with over(own.directory, own.tree, like=own) as git:
                git("apply", "--whitespace=nowarn", "-", given=patch)
        except ResolveError as error:
            raise DeliveryError(
                f"the change cannot be applied here ({error}); it is kept in {kept}"
            ) from None
        kept.unlink()

    def _messages(
        self, conversation: RemoteConversation, work: Work
    ) -> tuple[str, ...]:
        from openhands.sdk.event import MessageEvent

        events = conversation.state.events
        if any(isinstance(e, MessageEvent) and e.source == "user" for e in events):
            return work.news or _again(conversation)
        marker = f"[tier: {self.tier}]\n\n" if self.tier is not None else ""
        begun = "" if work.fresh else f"\n\n{prompt.BEGUN}"
        return (f"{marker}{work.task}{begun}",)


def _again(conversation: RemoteConversation) -> tuple[str, ...]:
    """What sends an agent back that finished without a verification that passed."""
    from openhands_tiered_router.guards.verify.judgement import Reason

    found = verification_there(conversation)
    finished = conversation.state.execution_status.value == "finished"
    if not finished or found is None or found.status != "unverified":
        return ()
    return (prompt.UNVERIFIED.format(reason=Reason(found.reason).told),)
