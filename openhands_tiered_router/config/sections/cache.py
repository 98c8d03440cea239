"""``[cache]``: how prompts are marked for providers' caches."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from openhands_tiered_router.config.fields import Section
from openhands_tiered_router.policy.economics.lifetime import CacheSettings, OneHour


_DEFAULT: Final = CacheSettings()


def _one_hour(value: Any) -> OneHour:
    # YAML 1.1 and the environment's ``off``: YAML reads the bare word as false.
    if value is False:
        return OneHour.OFF
    try:
        return OneHour(value)
    except ValueError:
        remedy = f"Write one of {', '.join(OneHour)}"
        raise PydanticCustomError(
            "one_hour", "is no such choice", {"remedy": remedy}
        ) from None


class CacheConfig(Section):
    """How prompts are marked for providers' caches."""

    breakpoints: bool = _DEFAULT.breakpoints
    """Mark where each endpoint's last prompt ended, so that a tier left for a few
    turns is still warm on return. Only for models that want marks (Claude)."""
    one_hour: Annotated[OneHour, BeforeValidator(_one_hour)] = _DEFAULT.one_hour
    """The one-hour cache when turns are slow: off, recommend (said in the decision,
    not sent) or auto (sent; writes cost 2 x the input price instead of 1.25 x)."""

    def to_cache(self) -> CacheSettings:
        """What the router takes."""
        return CacheSettings(**dict(self))
