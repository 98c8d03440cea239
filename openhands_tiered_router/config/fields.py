"""Types that the sections of the configuration share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A table of the configuration; a key that it does not know is an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError(
            "number", "must be a number", {"remedy": "Write a number"}
        )
    return value


Number = Annotated[float, BeforeValidator(_no_bool)]
"""A finite number. Text that is one counts: YAML 1.1 reads ``1e-06`` as text."""

Count = Annotated[int, BeforeValidator(_no_bool)]
"""A whole number."""
