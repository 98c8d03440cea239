"""The languages that the graph reads, by name and by file extension."""

import pkgutil
from functools import cache
from importlib import import_module
from typing import Final

from openhands_tiered_router.graph.languages.base import Language


__all__ = ["Language", "by_extension", "by_name", "language_named", "language_of"]

_GENERIC: Final = Language("", (), "", "")


@cache
def by_name() -> dict[str, Language]:
    """Return every language, by its name."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = (
        getattr(import_module(f".{name}", __name__), "LANGUAGE", None)
        for name in modules
    )
    return {language.name: language for language in found if language}


def language_named(name: str) -> Language:
    """Return a language's description; a neutral one if it is not known."""
    return by_name().get(name, _GENERIC)


@cache
def by_extension() -> dict[str, Language]:
    """Return every language, by each of its file extensions."""
    return {
        extension: language
        for language in by_name().values()
        for extension in language.extensions
    }


def language_of(path: str) -> Language | None:
    """Return the language of a file by its extension, or None."""
    dot = path.rfind(".")
    return by_extension().get(path[dot:].lower()) if dot > 0 else None
