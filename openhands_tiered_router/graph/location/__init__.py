"""Where in the workspace a piece of text points."""

from .ambiguity import Ambiguity
from .locator import Hit, Location, Locator


__all__ = ["Ambiguity", "Hit", "Location", "Locator"]
