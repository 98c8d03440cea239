"""What settings are made of: the base of every section, and the types of its keys.

A section of the configuration is one frozen class beside what it configures,
``guards/loops/settings.py`` for example. Its fields hold the defaults and bounds, and
the same object is what the code works with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from openhands_tiered_router.tiers import Tier


class Section(BaseModel):
    """A table of the configuration; an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> Self:
        """A copy with those changes, which are not checked."""
        copied = super().model_copy(update=update, deep=deep)
        # Pydantic copies what ``cached_property`` made of the old values.
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            object.__delattr__(copied, name)
        return copied


def fault(message: str, remedy: str) -> PydanticCustomError:
    """An error for a validator to raise: what is wrong, and what to do about it."""
    return PydanticCustomError("value", "{text}", {"text": message, "remedy": remedy})


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise fault("must be a number", "Write a number")
    return value


def _tier(value: Any) -> Tier:
    if isinstance(value, Tier):
        return value
    try:
        return Tier.parse(value)
    except (ValueError, AttributeError):
        names = ", ".join(map(str, Tier))
        raise fault("is not a tier", f"Write one of {names}") from None


Number = Annotated[float, BeforeValidator(_no_bool)]
"""A finite number. Text that is one counts: YAML 1.1 reads ``1e-06`` as text."""

Count = Annotated[int, BeforeValidator(_no_bool)]
"""A whole number."""

Share = Annotated[Number, Field(ge=0, le=1)]
Amount = Annotated[Number, Field(ge=0, le=1_000_000)]
Turns = Annotated[Count, Field(ge=1, le=1_000_000)]
Seconds = Annotated[Number, Field(ge=0, le=86_400)]

TierName = Annotated[
    Tier,
    BeforeValidator(_tier),
    PlainSerializer(str, return_type=str, when_used="json"),
]
"""A tier by its name, in any case."""

_EXPECTED: Final = {
    "string_type": "text",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "finite_number": "a finite number",
}
_BOUNDS: Final = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def explain(detail: Any, shown: str) -> tuple[str, str]:
    """What is wrong, and the remedy, of one of pydantic's ``ErrorDetails``.

    ``shown`` is the value, fit to be shown.
    """
    kind, context = detail["type"], detail.get("ctx", {})
    name = str(detail["loc"][-1]) if detail["loc"] else ""
    if "remedy" in context:
        return detail["msg"], context["remedy"]
    if kind == "missing":
        return "is missing", "Add it"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        bound = f"{words} {context[key]}"
        per_token = kind == "less_than" and "_cost" in name
        remedy = "Write USD per token" if per_token else f"Write a number {bound}"
        return f"must be {bound}, is {shown}", remedy
    if kind in ("enum", "literal_error"):
        values = context["expected"].replace("'", "").replace(" or ", ", ")
        return f"is not a known {name}", f"Write one of {values}"
    if kind in ("too_short", "string_too_short"):
        return "is empty", "Fill it, or remove the key"
    if kind in _EXPECTED:
        expected = _EXPECTED[kind]
        return f"must be {expected}, is {shown}", f"Write {expected}"
    return f"cannot be used: {detail['msg']}", "Correct the value"
