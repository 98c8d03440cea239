"""What a run tells whoever watches it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    from uuid import UUID

    from openhands.sdk import LocalConversation, RemoteConversation
    from openhands.sdk.event import Event

    from openhands_tiered_router.router import ComplexityRouter


class Progress(Protocol):
    """Shows a run. It is the command's, which the resolver may not import."""

    def waiting(self, text: str) -> AbstractContextManager[None]:
        """Shows that something takes a while, until the block ends."""
        ...

    def tell(self, text: str) -> None:
        """Something takes a while, such as to build an image."""
        ...

    def note(self, text: str) -> None:
        """What differs from a run on this machine."""
        ...

    def begin(self, router: ComplexityRouter, conversation: LocalConversation) -> None:
        """The conversation has been opened, and runs next."""
        ...

    def begin_served(self, id: UUID, conversation: RemoteConversation) -> None:
        """As ``begin``, on a server; ``id`` is the one that the user knows it by."""
        ...

    def event(self, event: Event) -> None:
        """A callback of the conversation; it must not raise."""
        ...

    def flush(self) -> None:
        """A run on a server has ended: no more events come."""
        ...

    def failed(self, error: Exception) -> None:
        """The run raised."""
        ...
