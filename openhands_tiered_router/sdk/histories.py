"""Each conversation's history, as the endpoint that is about to get it needs it."""

from __future__ import annotations

from openhands.sdk.llm import LLM, Message


class Histories:
    def repairable(self, error: Exception) -> bool:
        return False

    def messages_for(
        self,
        session_id: str | None,
        key: str,
        llm: LLM,
        messages: list[Message],
        *,
        rejected: Exception | None,
    ) -> list[Message]:
        return messages

    def note_author(self, session_id: str | None, key: str, message: Message) -> None:
        return None
