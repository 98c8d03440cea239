"""Several models in the shape of one SDK ``LLM``: ownership, books, capabilities."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from openhands.sdk.llm import LLM, Message, RouterLLM
from openhands.sdk.llm.utils.metrics import Metrics
from openhands.sdk.tool import ToolDefinition
from pydantic import Field, PrivateAttr, field_validator, model_validator

from openhands_tiered_router.tiers import Tier


logger = logging.getLogger(__name__)

_FOREIGN = "not-the-routers"

TierName = Literal["simple", "medium", "complex", "reasoning"]

_OWN_TO_EACH = frozenset({"usage_id", "fallback_strategy", "retry_listener"})
"""Fields of the default tier that the router must not take over."""
_FOR_TIERS = frozenset(
    {"stream", "timeout", "log_completions", "log_completions_folder"}
)
"""Fields that the SDK sets on copies of an agent's LLM, meaning all of its calls;
others tell the tiers apart."""
_OF_THE_HOST = frozenset({"stream", "log_completions", "log_completions_folder"})
"""Fields that whoever runs the agent has set; a changed configuration leaves them."""


class TieredLLM(RouterLLM):
    """Models by tier, each a clone of its own, that together look like one model.

    Its own LLM fields are those of the default tier: where the SDK stores a router as
    a plain ``LLM``, what remains is a working single model.
    """

    default_tier: TierName = Field(
        default="complex", description="Serves hard turns, and all when in doubt."
    )
    _owned: bool = PrivateAttr(default=False)

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
        values = llm if isinstance(llm, Mapping) else _field_values(llm)
        mirrored = {
            name: value
            for name, value in values.items()
            if name in LLM.model_fields and name not in _OWN_TO_EACH
        }
        return {**mirrored, **data, "llms_for_routing": _not_ours(llms)}

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
                self._clone_tiers({})
            self._warn_of_uncounted()
            self._owned = True
        return self

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

    # -- accounting --------------------------------------------------------------

    def reset_metrics(self) -> None:
        """New, empty books for the router and for clones of its tiers.

        The SDK calls it on copies that shall account on their own.
        """
        self._clone_tiers({})

    def restore_metrics(self, metrics: Metrics) -> None:
        """Goes on with those books, for the tiers too if they share the router's."""
        before = self._metrics
        super().restore_metrics(metrics)
        for llm in self.llms_for_routing.values():
            if llm.metrics is before:
                llm.restore_metrics(metrics)

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> Self:
        """A copy; under another ``usage_id`` it keeps its own books.

        Updated LLM fields that make sense for every tier, such as ``stream`` or
        ``timeout``, are passed on to the tiers.
        """
        copied = super().model_copy(update=update, deep=deep)
        changed = dict(update or {})
        passed_on = {
            name: value for name, value in changed.items() if name in _FOR_TIERS
        }
        renamed = changed.get("usage_id", self.usage_id) != self.usage_id
        if renamed or "llms_for_routing" in changed:
            copied._clone_tiers(passed_on)
        elif passed_on:
            copied.llms_for_routing = {
                key: llm.model_copy(update=passed_on)
                for key, llm in self.llms_for_routing.items()
            }
        return copied

    def _clone_tiers(self, update: Mapping[str, Any]) -> None:
        """Own clones of the tiers, with one shared ``Metrics``.

        When an agent's LLMs are registered, the SDK splits shared books by usage id;
        when only the router is, as for ``ask_agent`` or a hook, its books hold the sum.
        """
        super().reset_metrics()
        clones: dict[str, LLM] = {}
        for key, llm in self.llms_for_routing.items():
            fields = {**update, "usage_id": f"{self.usage_id}:{key}", "num_retries": 1}
            clones[key] = llm.model_copy(update=fields)
            clones[key].reset_metrics()
        for llm in clones.values():
            llm.restore_metrics(self.metrics)
        self.llms_for_routing = clones

    def _take_over(self, llms: Mapping[str, LLM]) -> None:
        """Goes on with clones of those models, on the books of those they replace.

        The SDK counts what it registered when a conversation began. So a model keeps
        the ``Metrics`` of the one that had its key, and one under a new key shares the
        default tier's: sums stay exact, though the latter's usage id is not told apart
        until the conversation is opened anew. Keys that are gone stay for their books.
        """
        default, own = self._default_llm(), dict(self.llms_for_routing)
        for key, llm in llms.items():
            before = own.get(key)
            if before is None or not _alike(before, llm):
                own[key] = self._in_place_of(before or default, key, llm)
        self.llms_for_routing = own

    def _in_place_of(self, before: LLM, key: str, llm: LLM) -> LLM:
        fields = {name: getattr(before, name) for name in _OF_THE_HOST}
        own = {"usage_id": f"{self.usage_id}:{key}", "num_retries": 1}
        clone = llm.model_copy(update={**fields, **own})
        clone.reset_metrics()
        clone.restore_metrics(before.metrics)
        told = before.telemetry
        clone.telemetry.set_stats_update_callback(told._stats_update_callback)
        clone.telemetry.set_log_completions_callback(told._log_completions_callback)
        return clone

    # -- what the SDK asks of an LLM ---------------------------------------------

    def uses_responses_api(self) -> bool:
        """No: each endpoint decides for itself, behind ``generate``."""
        return False

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
        key: llm.model_copy(update={"usage_id": _FOREIGN})
        if isinstance(llm, LLM)
        else llm
        for key, llm in llms.items()
    }


def _alike(ours: LLM, llm: LLM) -> bool:
    """Whether a clone of ours would still be one of ``llm``."""
    apart = _OWN_TO_EACH | _OF_THE_HOST | {"num_retries"}
    names = type(llm).model_fields.keys() - apart
    return all(getattr(ours, name) == getattr(llm, name) for name in names)


def _field_values(llm: LLM) -> dict[str, Any]:
    return {name: getattr(llm, name) for name in type(llm).model_fields}
