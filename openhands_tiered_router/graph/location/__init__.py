"""Where in the workspace a piece of text points."""

from openhands_tiered_router.graph.location.ambiguity import Ambiguity
from openhands_tiered_router.graph.location.locator import Hit, Location, Locator


__all__ = ["Ambiguity", "Hit", "Location", "Locator"]
