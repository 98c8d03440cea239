"""``ComplexityRouter``: an SDK ``LLM`` that is four tiers of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, Self, cast

from openhands.sdk.event import Event
from openhands.sdk.llm import LLM, LLMResponse, Message
from openhands.sdk.llm.call_context import resolve_llm_call_context
from pydantic import Field, PrivateAttr, model_validator

from openhands_tiered_router.calls.fleet import RoutedCall
from openhands_tiered_router.config import (
    RouterConfig,
    build_llms,
    config_from_env,
    open_config,
)
from openhands_tiered_router.config.settings import settings_of
from openhands_tiered_router.guards.budget.registry import registry
from openhands_tiered_router.policy.engine import Rule
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder
from openhands_tiered_router.sdk import (
    conversation_forks,  # noqa: F401  (wraps LocalConversation.fork)
    images,
)
from openhands_tiered_router.sdk.drivers import adrive, drive
from openhands_tiered_router.sdk.endpoints import with_verdicts
from openhands_tiered_router.sdk.entries import (
    Api,
    CallArguments,
    async_entry,
    entry,
)
from openhands_tiered_router.sdk.flow import CallFlow
from openhands_tiered_router.sdk.guards import watchers
from openhands_tiered_router.sdk.reload import (
    Unshared,
    Version,
    live_config,
    newest_version,
)
from openhands_tiered_router.sdk.setup import RouterSetup, read_tables
from openhands_tiered_router.sdk.tiered_llm import TieredLLM, TierName
from openhands_tiered_router.sdk.verification import (
    not_worth_another_try as not_worth,
)
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Tier


_taking_up = threading.Lock()


class ComplexityRouter(TieredLLM):
    """Sends each model call of an agent to one of four tiers.

    Use it wherever the SDK takes an ``LLM``::

        agent = Agent(llm=ComplexityRouter.from_config("tiered-router.toml"), ...)

    ``llms_for_routing`` maps tier names to models: ``simple``, ``medium``, ``complex``,
    ``reasoning``; further endpoints of a tier are ``simple/2`` and so on. The router
    works on clones of them with usage ids of their own, so that costs add up exactly.

    One router belongs to one conversation at a time; what is worth sharing is shared
    behind it. See ``docs/architecture.md``.
    """

    router_name: str = Field(default="complexity_router")
    settings: RouterSettings = Field(
        default_factory=RouterSettings,
        description="What is known of the models, and how calls are tried.",
    )
    _pin: Tier | None = PrivateAttr(default=None)
    _setup: Unshared = PrivateAttr(default_factory=Unshared)
    _outer: str | None = PrivateAttr(default=None)

    # -- construction ------------------------------------------------------------

    @classmethod
    def from_config(
        cls,
        config: str | Path | RouterConfig | None = None,
        *,
        task_value: float | None = None,
        **fields: Any,
    ) -> Self:
        """A router from a configuration file.

        Args:
            config: The file, or what was read from one. ``None``: looked for as
                ``docs/configuration.md`` says.
            task_value: USD that a solved task of this router's conversation is worth;
                overrides the configuration, as ``settings`` do.
            fields: Any field of this class; overrides the configuration. Of
                ``settings``, what was given to them overrides it, key by key.

        Raises:
            ConfigError: Lists every problem with its place and remedy.
            pydantic.ValidationError: A field or the value is out of its range.
        """
        if not isinstance(config, RouterConfig):
            config = open_config(config)
        if task_value is not None:
            given = RouterSettings(policy=Policy(task_value=task_value))
            settings = fields.get("settings") or RouterSettings()
            fields["settings"] = given.over(settings)
        return cls._configured(config, os.environ, fields)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **fields: Any) -> Self:
        """A router from variables such as ``SIMPLE_MODEL`` and ``COMPLEX_MODEL``.

        Raises:
            ConfigError: No tier is named, or a variable has a bad value.
        """
        environ = os.environ if environ is None else environ
        return cls._configured(config_from_env(environ), environ, fields)

    @classmethod
    def _configured(
        cls, config: RouterConfig, environ: Mapping[str, str], fields: dict[str, Any]
    ) -> Self:
        settings = with_verdicts(settings_of(config))
        read_tables()  # here, where files are read in any case
        own = {
            "llms_for_routing": build_llms(config, environ),
            "settings": settings,
            "default_tier": str(config.default_tier),
        }
        if own.keys() & fields.keys():
            # What was given overrides the file, and its later changes.
            own["settings"] = RouterSettings().over(settings)
        elif settings.followed_file:
            live_config(settings.followed_file).was_read(config)
        if "settings" in fields:
            fields = {**fields, "settings": fields["settings"].over(settings)}
        return cls(**{**own, **fields})

    @model_validator(mode="before")
    @classmethod
    def _find_keys(cls, data: Any) -> Any:
        """A router that was stored without secrets takes its keys from the variables
        that its configuration named."""
        settings = data.get("settings") if isinstance(data, dict) else None
        if not isinstance(settings, dict):
            return data
        llms = dict(data.get("llms_for_routing") or {})
        for key, variable in (settings.get("key_variables") or {}).items():
            stored = llms.get(key)
            if isinstance(stored, dict) and not _usable(stored.get("api_key")):
                llms[key] = {**stored, "api_key": os.environ.get(variable)}
        return {**data, "llms_for_routing": llms}

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> Self:
        """A copy with a setup of its own; see ``TieredLLM.model_copy``."""
        copied = super().model_copy(update=update, deep=deep)
        copied._setup = copy(self._setup)
        # A copy made while a conversation runs is for a sub-agent of it.
        copied._outer = self._outer or resolve_llm_call_context(None).session_id
        return copied

    # -- routing -----------------------------------------------------------------

    def pin(self, tier: Tier | str | None) -> None:
        """Sends every further call of this router to a tier; ``None``: decides again.

        Side requests (titles, condensation) are not held by a pin.

        Raises:
            ValueError: There is no tier of that name.
        """
        self._pin = Tier.parse(tier) if isinstance(tier, str) else tier

    @property
    def pinned(self) -> Tier | None:
        """The tier that every call goes to; ``None``: none is pinned."""
        return self._pin

    @contextmanager
    def pinned_to(self, tier: Tier | str) -> Iterator[Self]:
        """Pins the tier inside a ``with`` block."""
        before = self._pin
        self.pin(tier)
        try:
            yield self
        finally:
            self._pin = before

    def raise_budget(self, name: str, **limits: float | None) -> None:
        """Changes limits of a budget, in this process, from the next call on.

        What was spent stays counted; ``None`` lifts a limit. To keep the new limits,
        write them into the configuration.

        Args:
            name: The budget's, as configured.
            limits: ``usd``, ``tokens``, ``turns`` or ``seconds``.

        Raises:
            ValueError: There is no such budget or limit.
        """
        registry().raise_limits(self.settings.budgets, name, limits)

    def reload(self, config: str | Path | RouterConfig | None = None) -> None:
        """Works by the configuration as it is now, from the next call on.

        Reads files, so not for an event loop. See docs/configuration.md for what does
        not change while a conversation runs.

        Args:
            config: Another one, for this router alone, which then follows no file.
                ``None``: the file that it was made from, for all routers of the process
                that follow that.

        Raises:
            ConfigError: It cannot be used; what was in force stays so.
            ValueError: The router was not made from a file, and none is given.
        """
        if config is not None:
            config = (
                open_config(config) if not isinstance(config, RouterConfig) else config
            )
            self._take_up(Version.of(config))
        elif self.settings.followed_file is None:
            raise ValueError("this router follows no file; pass a configuration")
        else:
            live_config(self.settings.followed_file).reload()

    def with_rules(self, rules: Sequence[Rule] | None) -> Self:
        """A copy that decides by exactly those rules, in that order.

        It shares this router's metrics. ``policy.rules.standard_rules`` builds the
        standard list; its arguments are what the settings would have said of graphs,
        fitted models and cache lifetimes; ``None`` builds it from them.
        Rules live in this process alone: a stored router comes back with the standard
        ones.
        """
        copied = self.model_copy()
        copied._setup = Unshared(rules)
        return copied

    def calls(self, conversation_id: object) -> list[RoutedCall]:
        """The routed calls of a conversation of this process, oldest first."""
        return self._ready().fleet.calls(str(conversation_id))

    def not_worth_another_try(self, conversation_id: object) -> str:
        """Why rejected work is not worth another try, in words for the user.

        Returns:
            "": it may be, or that is not known, or a tier is pinned.
        """
        pinned = self._pin is not None
        return "" if pinned else not_worth(self._ready(), str(conversation_id))

    @property
    def recorder(self) -> TelemetryRecorder:
        """Where this router records its decisions."""
        return self._ready().recorder

    def callbacks(self) -> list[Callable[[Event], None]]:
        """For ``Conversation(callbacks=...)``; a fresh list for each conversation.

        They record tool results, tell the code graph what was edited, and are
        the guards that the configuration asks for; see docs/guards.md.
        """
        return watchers(self._ready(), self.settings)

    def select_llm(self, messages: list[Message]) -> str:
        """The endpoint that would serve a call with these messages and no tools."""
        return self._flow(CallArguments(messages=messages)).preview().endpoint

    # Whatever the caller chose, it is routed; ``tier="reasoning"`` pins this one call.
    generate = entry(Api.GENERATE, LLM.generate)
    agenerate = async_entry(Api.GENERATE, LLM.agenerate)
    completion = entry(Api.COMPLETION, LLM.completion)
    acompletion = async_entry(Api.COMPLETION, LLM.acompletion)
    responses = entry(Api.RESPONSES, LLM.responses)
    aresponses = async_entry(Api.RESPONSES, LLM.aresponses)

    def _route(self, call: CallArguments) -> LLMResponse:
        seen = images.seen(call, self.vision_is_active(), self.model)
        if isinstance(seen, LLMResponse):
            return seen
        return self._with_books(drive(self._flow(seen)))

    async def _aroute(self, call: CallArguments) -> LLMResponse:
        seen = images.seen(call, self.vision_is_active(), self.model)
        if isinstance(seen, LLMResponse):
            return seen
        return self._with_books(await adrive(self._flow(seen)))

    def _with_books(self, response: LLMResponse) -> LLMResponse:
        """With the router's books, up to date, in the place of the tier's."""
        if isinstance(response, LLMResponse):
            response.metrics = self.metrics.get_snapshot()
        return response

    def _flow(self, call: CallArguments) -> CallFlow:
        newest = newest_version(self.settings.followed_file)
        if newest is not None and newest is not self._setup.version:
            self._take_up(newest)
        # The setup first: an older one finds all of its models in newer ones.
        return CallFlow(
            setup=self._ready(),
            llms=self.llms_for_routing,
            usage_id=self.usage_id,
            arguments=call,
            router_pin=self._pin,
            outer=self._outer,
            listener=self.retry_listener,
        )

    def _take_up(self, version: Version) -> None:
        """Swaps models and settings; no disk, no network with the standard rules."""
        rules = self._setup.rules
        with _taking_up:
            if version is self._setup.version:
                return
            self._take_over(version.llms)
            gone = self.llms_for_routing.keys() - version.llms.keys()
            settings = version.settings.model_copy(
                update={"retired": tuple(sorted(gone))}
            )
            self.settings = settings
            self.default_tier = cast(TierName, str(version.default_tier))
            self._setup.value = (
                version.setup
                if rules is None
                else RouterSetup.of(version.llms, settings, version.default_tier, rules)
            )
            self._setup.version = version

    def _ready(self) -> RouterSetup:
        """The setup, made at the first call: constructors run at every snapshot."""
        setup = self._setup.value
        if setup is None:
            default = Tier.parse(self.default_tier)
            setup = RouterSetup.of(
                self.llms_for_routing, self.settings, default, self._setup.rules
            )
            self._setup.value = setup
            if self.settings.followed_file is not None:
                live = live_config(self.settings.followed_file)
                live.start(setup, self.settings.reload)
        return setup


def _usable(key: Any) -> bool:
    """Whether a stored key is one; the SDK writes asterisks for what it leaves out."""
    return bool(key) and set(str(key)) != {"*"}
