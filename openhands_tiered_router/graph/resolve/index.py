"""Everything that resolving a file's names may ask of the other files.

Each question is a *key*: a pair of a group (a path, a directory, a name, a place
where a module may be) and a name in it. `Index.replace` says which keys answer
differently after a change; whoever asked none of them need not be looked at.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final

from openhands_tiered_router.graph.languages import by_name
from openhands_tiered_router.graph.resolve.groups import Groups
from openhands_tiered_router.graph.resolve.interface import Interface, Symbol
from openhands_tiered_router.graph.resolve.layout import Layout


type Key = tuple[str, str]

CANDIDATES: Final = 2
"""Definitions of one name that a guess by name may choose from."""

_PACKAGE_FILES: Final = re.compile(
    r"(?:^|/)(?:__init__\.pyi?|mod\.rs|index(?:\.d)?\.[cm]?[jt]sx?)\Z"
)
"""Files that stand for the directory that they are in."""
_NOTHING: Final = Interface("", {})


class Interfaces(dict[str, Interface]):
    """What files show, by path; an unknown file shows nothing."""

    def __missing__(self, path: str) -> Interface:
        return _NOTHING


def module_key(path: str) -> str:
    """Return the path by which a file is imported: ``a/b`` for a/b/__init__.py."""
    if _PACKAGE_FILES.search(path):
        return path.rpartition("/")[0] or path.partition(".")[0]
    return (path.rpartition(".")[0] or path).removesuffix(".d")


def directory_of(path: str) -> str:
    """Return the directory of a path, "" for the workspace itself."""
    return path.rpartition("/")[0]


def family_of(language: str) -> str:
    """Return the family of a language by its name."""
    known = by_name().get(language)
    return known.family if known else language


def suffixes(module: str) -> Iterable[str]:
    """Yield ``a/b/c``, ``b/c``, ``c``."""
    yield module
    at = module.find("/")
    while at >= 0:
        yield module[at + 1 :]
        at = module.find("/", at + 1)


class Index:
    """The interfaces of all files, and where to find what by path or name."""

    def __init__(self, layout: Layout, interfaces: Interfaces | None = None) -> None:
        """Make an index without files.

        Args:
            layout: The workspace's packages.
            interfaces: Where to keep what files show; default: in memory.
        """
        self.layout = layout
        self.interfaces = Interfaces() if interfaces is None else interfaces
        """To be changed by `replace` only."""
        self._suffixes = Groups[str]()
        self._names = Groups[Key]()
        self._packages = Groups[Key]()
        self._members = Groups[str]()

    # -- questions: each is one key, and depends on nothing else

    def symbol(self, path: str, name: str) -> Symbol | None:
        """Return what `name` means in a file; key (path, name)."""
        return self.interfaces[path].symbols.get(name)

    def outline(self, path: str) -> Interface:
        """Return a file's language, stars, dotted aliases, constraint and traits.

        Its key is (path, "*").
        """
        return self.interfaces[path]

    def modules(self, suffix: str) -> tuple[str, ...]:
        """Return the files whose module path ends so; key ("module:…", "")."""
        return tuple(sorted(self._suffixes.get(suffix)))

    def named(self, family: str, name: str) -> tuple[str, ...]:
        """Return the definitions of a rare name; key ("name:…", family).

        A name with more than `CANDIDATES` definitions says nothing: none.
        """
        found = self._names.get((family, name))
        return tuple(sorted(found)) if len(found) <= CANDIDATES else ()

    def in_package(self, directory: str, name: str) -> tuple[str, ...]:
        """Return the files of a directory with that symbol; key ("dir:…", name)."""
        return tuple(sorted(self._packages.get((directory, name))))

    def giving(self, name: str) -> tuple[str, ...]:
        """Return the Rust files with a ``Type.member``; key ("impl:…", "")."""
        return tuple(sorted(self._members.get(name)))

    # -- changes

    def replace(
        self, path: str, new: Interface | None, *, compare: bool = True
    ) -> set[Key]:
        """Put in, exchange or (None) take out a file.

        Returns:
            The keys that now answer differently; nothing if not to `compare`.
        """
        old = self.interfaces.get(path)
        before, after = old or _NOTHING, new or _NOTHING
        differing = _differing(before.symbols, after.symbols)
        changed: set[Key] = set()
        if compare:
            changed.update((path, name) for name in differing)
            if _outline(before) != _outline(after):
                changed.add((path, "*"))
        if (old is None) != (new is None):
            self._place(path, new is not None, changed if compare else None)
        self._share(path, before, after, differing, changed if compare else None)
        if new is None:
            self.interfaces.pop(path, None)
        else:
            self.interfaces[path] = new
        return changed

    def _place(self, path: str, present: bool, changed: set[Key] | None) -> None:
        """Enter or remove a file's module path under each of its suffixes."""
        found = list(suffixes(module_key(path)))
        for suffix in found:
            self._suffixes.put(suffix, path, present)
        directory = directory_of(path)
        self._packages.put((directory, ""), path, present)
        if changed is not None:
            changed.update((f"module:{suffix}", "") for suffix in found)
            changed.add((f"dir:{directory}", ""))

    def _share(
        self,
        path: str,
        before: Interface,
        after: Interface,
        differing: Iterable[str],
        changed: set[Key] | None,
    ) -> None:
        """Enter or remove symbols that are known by name or by directory."""
        language = by_name().get(after.language or before.language)
        if language is None:
            return
        directory = directory_of(path)
        for name in differing:
            old, new = before.symbols.get(name), after.symbols.get(name)
            left, came = _node(path, old), _node(path, new)
            if left != came:
                bare = name.rpartition(".")[2]
                if left is not None:
                    self._names.put((language.family, bare), left, False)
                if came is not None:
                    self._names.put((language.family, bare), came, True)
                if changed is not None:
                    changed.add((f"name:{bare}", language.family))
            is_member = language.name == "rust" and name[:1].isupper()
            if is_member and (old is None) != (new is None):
                self._members.put(name, path, new is not None)
                if changed is not None:
                    changed.add((f"impl:{name}", ""))
            if language.package_scope and (old is None) != (new is None):
                self._packages.put((directory, name), path, new is not None)
                if changed is not None:
                    changed.add((f"dir:{directory}", name))


def _outline(interface: Interface) -> tuple[object, ...]:
    shown = interface
    return shown.stars, shown.dotted, shown.constraint, shown.traits


def _differing(before: dict[str, Symbol], after: dict[str, Symbol]) -> Collection[str]:
    if not before or not after:
        return before or after
    if before == after:
        return ()
    return {
        name
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }


def _node(path: str, symbol: Symbol | None) -> str | None:
    """Return the id by which a definition can be guessed at from elsewhere."""
    if symbol is None or symbol.hidden or symbol.kind not in "fc":
        return None
    return f"{path}::{symbol.text}"
