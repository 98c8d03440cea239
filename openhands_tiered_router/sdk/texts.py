"""What a routed call's texts are: the user's new words, and the model's answer.

And the strings that must not end up in them: a conversation's secrets, and keys.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakValueDictionary

from openhands.sdk import LocalConversation
from openhands.sdk.conversation.secret_registry import SecretRegistry
from openhands.sdk.llm import LLM, LLMResponse, Message
from openhands.sdk.secret import SecretSource
from openhands.sdk.utils.redact import is_secret_key
from pydantic import SecretStr

from openhands_tiered_router.calls.fleet import RoutedCall
from openhands_tiered_router.guards.guard import current_conversation
from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder
from openhands_tiered_router.record.telemetry.texts import RawTexts, clipped
from openhands_tiered_router.sdk.messages import entry_of


logger = logging.getLogger(__name__)

LOOKUP_SECONDS: Final = 60.0
"""For which a secret that was looked up is not looked up again; also one that could
not be: sources may be servers, and answer after half a minute."""

_LEAST: Final = 12
"""Characters of an environment variable or header that counts as a secret by its name;
shorter ones are flags and words."""


def record_texts(
    recorder: TelemetryRecorder,
    call: RoutedCall,
    messages: Sequence[Message],
    response: LLMResponse | None,
    *,
    most: int,
    secrets: Callable[[], Callable[[], Collection[str]]],
) -> None:
    """Records what was said in a call, if anything; returns at once, does not raise.

    Args:
        recorder: Where to.
        call: The call, which is already recorded.
        messages: All that was sent.
        response: What came back; ``None``: nothing.
        most: Bytes to keep of each text.
        secrets: Makes what ``RawTexts.secrets`` is.
    """
    try:
        asked = takewhile(lambda m: m.role == "user", reversed(messages))
        words = "\n\n".join(reversed([entry_of(m).text for m in asked]))
        if not words and response is None:
            return
        recorder.record_texts(
            RawTexts(
                decision_id=call.decision_id,
                request=clipped(words, most),
                answer=None if response is None else entry_of(response.message),
                most=most,
                secrets=secrets(),
            )
        )
    except Exception as error:
        logger.error("texts not recorded: %s", type(error).__name__)


class UnknownSecretError(Exception):
    """A secret cannot be looked up now, so no text is sure to be without it."""


class _Registered:
    """The values of one conversation's secrets, also of those that changed since.

    Knows the registry alone: who waits in a queue with the conversation itself may be
    the last to let go of it, and then has to close it.
    """

    def __init__(self, registry: SecretRegistry) -> None:
        self.registry = registry
        self._sources: dict[str, tuple[SecretSource, float]] = {}
        self._values: set[str] = set()
        self._failed_at = float("-inf")

    def values(self) -> set[str]:
        now = time.monotonic()
        if now - self._failed_at < LOOKUP_SECONDS:
            raise UnknownSecretError
        for name, source in list(self.registry.secret_sources.items()):
            known, at = self._sources.get(name, (None, 0.0))
            if known is source and now - at < LOOKUP_SECONDS:
                continue
            try:
                value = source.get_value()
            except Exception:
                self._failed_at = now
                raise UnknownSecretError from None
            self._values |= {value} if value else set()
            self._sources[name] = source, now
        return self._values


_registered: Final[WeakKeyDictionary[LocalConversation, _Registered]] = (
    WeakKeyDictionary()
)
_by_id: Final[WeakValueDictionary[str, _Registered]] = WeakValueDictionary()


def known_secrets(
    session_id: str | None, outer: str | None, llms: Mapping[str, LLM]
) -> Callable[[], Collection[str]]:
    """A question for the secrets that a call may have met; see ``RawTexts.secrets``.

    To be called within the conversation: afterwards it is no longer to be found.

    Args:
        session_id: The conversation's; ``None``: there is none.
        outer: The conversation that started it, whose secrets it may have been told.
        llms: The router's endpoints.
    """
    own = _noted(current_conversation())
    others = [_by_id.get(name) for name in (session_id, outer) if name is not None]

    def secrets() -> Collection[str]:
        found = {*_of_environment(), *of_endpoints(llms.values())}
        for registered in others if own is None else (own, *others):
            if registered is None:
                raise UnknownSecretError
            found |= registered.values()
        return found

    return secrets


def _noted(conversation: LocalConversation | None) -> _Registered | None:
    if conversation is None:
        return None
    registry = conversation.state.secret_registry
    known = _registered.get(conversation)
    if known is None or known.registry is not registry:
        known = _registered[conversation] = _Registered(registry)
        _by_id[str(conversation.id)] = known
    return known


def _of_environment() -> Iterator[str]:
    for name, value in list(os.environ.items()):
        if is_secret_key(name) and len(value) >= _LEAST:
            yield value


def of_endpoints(llms: Iterable[LLM]) -> Iterator[str]:
    """Keys, passwords in addresses, and values of headers."""
    for llm in llms:
        password = urlsplit(llm.base_url or "").password
        if password:
            yield password
        for name in type(llm).model_fields:
            value = getattr(llm, name)
            if isinstance(value, SecretStr):
                yield value.get_secret_value()
        for value in (llm.extra_headers or {}).values():
            # As a whole, and without the scheme before it: "Bearer ...".
            yield from {v for v in (value, *value.split()) if len(v) >= _LEAST}
