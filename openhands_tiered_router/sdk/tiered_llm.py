"""Several models in the shape of one SDK ``LLM``: ownership, books, capabilities."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from openhands.sdk.llm import LLM, Message, RouterLLM
from openhands.sdk.llm.utils.metrics import Metrics
from openhands.sdk.llm.utils.telemetry import Telemetry
from openhands.sdk.tool import ToolDefinition
from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from openhands_tiered_router.sdk.answers import guard_usage
from openhands_tiered_router.sdk.books import Books, SharedTelemetry, carry_over
from openhands_tiered_router.sdk.tier_fields import (
    OF_THE_HOST,
    OF_THE_MODEL,
    OWN_TO_EACH,
    alike,
    attempts,
    for_all_tiers,
    with_fields,
)
from openhands_tiered_router.tiers import Tier


logger = logging.getLogger(__name__)

_FOREIGN = "not-the-routers"

TierName = Literal["simple", "medium", "complex", "reasoning"]


class TieredLLM(RouterLLM):
    """Models by tier, each a clone of its own, that together look like one model.

    Its own LLM fields are those of the default tier: where the SDK stores a router as
    a plain ``LLM``, what remains is a working single model.
    """

    default_tier: TierName = Field(
        default="complex", description="Serves hard turns, and all when in doubt."
    )
    shell: SkipJsonSchema[LLM | None] = Field(
        default=None,
        exclude=True,
        description="The plain model that the router is stored as, under the router's "
        "own usage id: the SDK looks models up by that. Never called.",
    )
    _owned: bool = PrivateAttr(default=False)
    _books: Books = PrivateAttr(default_factory=lambda: Books("router"))
    _set: dict[str, Any] = PrivateAttr(default_factory=dict)
    """Fields that were set on the router, for tiers to come."""

    def __init__(self, **data: Any) -> None:
        super().__init__(**data)
        apart = OF_THE_MODEL | {"usage_id"}
        if any(isinstance(m, LLM) for m in data.get("llms_for_routing", {}).values()):
            names = (LLM.model_fields.keys() & data.keys()) - apart
            self._set = {name: getattr(self, name) for name in names}

    @model_validator(mode="before")
    @classmethod
    def _refuse_misspelt(cls, data: Any) -> Any:
        """The SDK ignores unknown fields, so that a typo would go unnoticed."""
        if not isinstance(data, dict):
            return data
        own = set(cls.model_fields) - set(RouterLLM.model_fields)
        for name in set(data) - set(cls.model_fields):
            if near := difflib.get_close_matches(str(name), own, n=1):
                raise ValueError(f"unknown field {name!r}; did you mean {near[0]!r}?")
        return data

    @model_validator(mode="before")
    @classmethod
    def _mirror_default_tier(cls, data: Any) -> Any:
        """Takes over the default tier's LLM fields, where none are given."""
        llms = data.get("llms_for_routing") if isinstance(data, dict) else None
        if not isinstance(llms, Mapping) or not llms:
            return data
        default = data.get("default_tier") or cls.model_fields["default_tier"].default
        llm = llms[_default_key(llms, Tier.parse(default))]
        if isinstance(llm, LLM):
            llms = with_fields(llms, llm, data)
            llm = llms[_default_key(llms, Tier.parse(default))]
        values = llm if isinstance(llm, Mapping) else _field_values(llm)
        mirrored = {
            name: value
            for name, value in values.items()
            if name in LLM.model_fields and name not in OWN_TO_EACH
        }
        return {**mirrored, **data, "llms_for_routing": _not_ours(llms)}

    @field_serializer("llms_for_routing", mode="wrap")
    def _by_their_keys(
        self, llms: dict[str, LLM], handler: SerializerFunctionWrapHandler
    ) -> Any:
        """Without the router's name in the tiers' usage ids: the SDK takes two models
        for the same if their dumps are, apart from the models' own usage ids."""
        dumped = handler(llms)
        for key, fields in dumped.items():
            if isinstance(fields, dict) and "usage_id" in fields:
                fields["usage_id"] = key
        return dumped

    @field_validator("llms_for_routing")
    @classmethod
    def _check_keys(cls, llms: dict[str, LLM]) -> dict[str, LLM]:
        for key in llms:
            Tier.of(key)
        return llms

    @model_validator(mode="after")
    def _own_tiers(self) -> Self:
        """Clones tiers that are someone else's; runs again whenever the router is put
        into another model, so it must find nothing to do then."""
        if not self._owned:
            expected = {n: f"{self.usage_id}:{n}" for n in self.llms_for_routing}
            actual = {n: llm.usage_id for n, llm in self.llms_for_routing.items()}
            if actual != expected:
                self._clone_tiers()
            self._warn_of_uncounted()
            self._owned = True
            self._mirror_shell()
        return self

    def _mirror_shell(self) -> None:
        """Anew: the router's fields or its usage id have changed."""
        before, default = self.shell, self._default_llm()
        if type(default) is LLM:
            shell = default.model_copy(update={"usage_id": self.usage_id})
            shell.reset_metrics()
            if before is not None and before.usage_id == self.usage_id:
                shell.restore_metrics(before.metrics)
            self.shell = shell

    def _warn_of_uncounted(self) -> None:
        """The SDK registers plain ``LLM`` objects only."""
        for key, llm in self.llms_for_routing.items():
            if type(llm) is not LLM:
                kind = type(llm).__name__
                logger.warning(
                    "%s is a %s: a conversation will not count its cost", key, kind
                )

    def __getattr__(self, name: str) -> Any:
        # RouterLLM answers for the first tier here, which hides pydantic's own
        # look-up of private attributes.
        return super(RouterLLM, self).__getattr__(name)  # pyright: ignore

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Without headers and addresses, which may hold secrets."""
        models = {key: llm.model for key, llm in self.llms_for_routing.items()}
        return [("usage_id", self.usage_id), ("model", self.model), ("models", models)]

    def __str__(self) -> str:
        return repr(self)

    # -- accounting --------------------------------------------------------------

    @property
    def metrics(self) -> Metrics:
        """What all tiers have spent, up to now; always the same object.

        What callers book on it counts too.
        """
        parts = [llm.metrics for llm in self.llms_for_routing.values()]
        # Holds what a resumed conversation had booked under the router's own usage id,
        # and what callers add: conversations count the shell, not the sum.
        own = None if self.shell is None else self.shell.metrics
        return self._books.total(parts if own is None else [*parts, own], own)

    @property
    def telemetry(self) -> Telemetry:
        """The tiers' telemetry as one: callbacks that are set on it are set on each."""
        tiers = [llm.telemetry for llm in self.llms_for_routing.values()]
        return SharedTelemetry.of(self.model, self.metrics, tiers)

    def reset_metrics(self) -> None:
        """New, empty books for the router and for clones of its tiers.

        The SDK calls it on copies that shall account on their own.
        """
        self._clone_tiers()

    def restore_metrics(self, metrics: Metrics) -> None:
        """Goes on with those books: what they hold counts as spent by the router."""
        own = self.shell is not None and metrics is self.shell.metrics
        if not own and not self._books.holds(metrics):
            self._books.restore(metrics)
            for llm in self.llms_for_routing.values():
                llm.restore_metrics(Metrics(model_name=llm.model))

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> Self:
        """A copy; under another ``usage_id`` it keeps its own books.

        Updated fields reach the tiers as fields that are set on the router do.

        Raises:
            ValueError: A field says which model a tier is.
        """
        changed = dict(update or {})
        shared = for_all_tiers(self, changed)
        copied = super().model_copy(update=update, deep=deep)
        copied._set = {**self._set, **shared}
        renamed = changed.get("usage_id", self.usage_id) != self.usage_id
        if shared:
            copied._hand_down(shared, self.api_key)
        if "llms_for_routing" in changed:
            copied.llms_for_routing = _not_ours(copied.llms_for_routing)
        if renamed or "llms_for_routing" in changed:
            copied._clone_tiers()
        elif shared:
            copied._mirror_shell()
        return copied

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets a field; one of an ``LLM`` on the tiers too, whose books stay.

        Raises:
            ValueError: The field says which model a tier is.
        """
        built = name in LLM.model_fields and self.__dict__.get("shell") is not None
        shared = for_all_tiers(self, {name: value}) if built else {}
        key = self.api_key if built else None
        super().__setattr__(name, value)
        if shared:
            self._set = {**self._set, **shared}
            self._hand_down(shared, key)
        if name == "usage_id" and built:
            self.llms_for_routing = {
                key: llm.model_copy(update={"usage_id": f"{value}:{key}"})
                for key, llm in self.llms_for_routing.items()
            }
        if built:
            self._mirror_shell()

    def _hand_down(self, fields: Mapping[str, Any], key: Any) -> None:
        """Has copies of the tiers work by those fields, on the same books.

        An API key goes to the tiers that had the router's, ``key``.
        """
        fields = {**fields, **attempts(fields)}
        others = {n: value for n, value in fields.items() if n != "api_key"}
        self.llms_for_routing = {
            name: llm.model_copy(update=fields if llm.api_key == key else others)
            for name, llm in self.llms_for_routing.items()
        }

    def set_api_key_refresh_hook(
        self, hook: Callable[[], str | SecretStr | None] | None
    ) -> None:
        """See ``LLM``; for each tier whose key is the router's own."""
        super().set_api_key_refresh_hook(hook)
        for llm in self.llms_for_routing.values():
            if llm.api_key == self.api_key:
                llm.set_api_key_refresh_hook(hook)

    def _clone_tiers(self) -> None:
        """Own clones of the tiers, each with books of its own."""
        clones: dict[str, LLM] = {}
        for key, llm in self.llms_for_routing.items():
            clones[key] = llm.model_copy(update={"usage_id": f"{self.usage_id}:{key}"})
            clones[key].reset_metrics()
            guard_usage(clones[key])
        self.llms_for_routing = clones
        self._books = Books(self.model)
        self.shell = None
        self._mirror_shell()

    def _take_over(self, llms: Mapping[str, LLM]) -> None:
        """Goes on with clones of those models, on the books of those they replace.

        The SDK counts what it registered when a conversation began. So a model keeps
        the ``Metrics`` of the one that had its key, and one under a new key shares the
        default tier's: sums stay exact, though the latter's usage id is not shown apart
        until the conversation is opened anew. Keys that are gone stay for their books.
        """
        default, own = self._default_llm(), dict(self.llms_for_routing)
        for key, llm in llms.items():
            before = own.get(key)
            if before is None or not alike(before, llm):
                own[key] = self._in_place_of(before or default, key, llm)
        self.llms_for_routing = own

    def _in_place_of(self, before: LLM, key: str, llm: LLM) -> LLM:
        fields = {name: getattr(before, name) for name in OF_THE_HOST}
        shared = {n: value for n, value in self._set.items() if n != "api_key"}
        own = {"num_retries": llm.num_retries, **shared}
        own |= {"usage_id": f"{self.usage_id}:{key}", **attempts(own)}
        clone = llm.model_copy(update={**fields, **own})
        clone.reset_metrics()
        # What is booked from now on bears the name of the model that is called.
        before.metrics.model_name = clone.model
        clone.restore_metrics(before.metrics)
        guard_usage(clone)
        carry_over(before, clone)
        return clone

    # -- what the SDK asks of an LLM ---------------------------------------------

    def uses_responses_api(self) -> bool:
        """As the default tier; behind ``generate`` each endpoint decides for itself."""
        return self._default_llm().uses_responses_api()

    def vision_is_active(self) -> bool:
        """Whether some endpoint sees images; those that do not are left out then."""
        return any(llm.vision_is_active() for llm in self.llms_for_routing.values())

    @property
    def effective_max_input_tokens(self) -> int | None:
        """The largest window: a prompt too long for one tier goes to another."""
        windows = [
            llm.effective_max_input_tokens for llm in self.llms_for_routing.values()
        ]
        known = [window for window in windows if window is not None]
        return max(known, default=None)

    def get_token_count(
        self,
        messages: list[Message],
        tools: Sequence[ToolDefinition] | None = None,
        add_security_risk_prediction: bool = False,
    ) -> int:
        """As the default tier counts, in tokens."""
        return self._default_llm().get_token_count(
            messages, tools, add_security_risk_prediction
        )

    def resolve_runtime_metadata(self, **options: Any) -> Any:
        """Lets each endpoint look up its own; returns the default tier's."""
        found = {k: m.resolve_runtime_metadata(**options) for k, m in self._models()}
        return found[_default_key(found, Tier.parse(self.default_tier))]

    async def aresolve_runtime_metadata(self, **options: Any) -> Any:
        """Async twin of ``resolve_runtime_metadata``."""
        found = {
            key: await model.aresolve_runtime_metadata(**options)
            for key, model in self._models()
        }
        return found[_default_key(found, Tier.parse(self.default_tier))]

    def _models(self) -> list[tuple[str, LLM]]:
        return list(self.llms_for_routing.items())

    def _default_llm(self) -> LLM:
        default = Tier.parse(self.default_tier)
        return self.llms_for_routing[_default_key(self.llms_for_routing, default)]


def _default_key(keys: Iterable[str], tier: Tier) -> str:
    """The key that serves ``tier``: its first endpoint, else upwards, else the top."""
    ordered = sorted(keys, key=lambda key: (Tier.of(key) < tier, Tier.of(key)))
    below = all(Tier.of(key) < tier for key in ordered)
    return max(ordered, key=Tier.of) if below else ordered[0]


def _not_ours(llms: Mapping[str, Any]) -> dict[str, Any]:
    """Models that someone holds already are marked, so that they will be cloned; those
    that are only now read from stored data are nobody else's."""
    return {
        key: llm.model_copy(update={"usage_id": _FOREIGN, **attempts(vars(llm))})
        if isinstance(llm, LLM)
        else llm
        for key, llm in llms.items()
    }


def _field_values(llm: LLM) -> dict[str, Any]:
    return {name: getattr(llm, name) for name in type(llm).model_fields}
