"""Files that a text names outright: by path, in a traceback, by a dotted name."""

from typing import Final


MOST: Final = 3
"""Files that a place may stand for; a commoner name says nothing."""

_PACKAGE_STEMS: Final = frozenset({"__init__", "index", "mod", "__main__"})
"""Files that stand for their directory."""


class PlaceIndex:
    """Paths by their last name; one writer, any number of readers."""

    def __init__(self) -> None:
        self._by_name: dict[str, tuple[str, ...]] = {}
        self._by_stem: dict[str, tuple[str, ...]] = {}

    def put(self, path: str) -> None:
        """Add a path that is not in it."""
        name = path.rpartition("/")[2]
        stem = _module(path).rpartition("/")[2]
        self._by_name[name] = (*self._by_name.get(name, ()), path)
        self._by_stem[stem] = (*self._by_stem.get(stem, ()), path)

    def drop(self, path: str) -> None:
        """Forget a path that is in it."""
        name = path.rpartition("/")[2]
        stem = _module(path).rpartition("/")[2]
        for index, key in ((self._by_name, name), (self._by_stem, stem)):
            rest = tuple(known for known in index[key] if known != path)
            if rest:
                index[key] = rest
            else:
                del index[key]

    def by_path(self, place: str) -> tuple[str, ...]:
        """Return the files, at most `MOST`, that a path stands for.

        Its beginning may be outside of the workspace, as in a traceback.
        """
        parts = place.split("/")
        known = self._by_name.get(parts[-1], ())
        for start in range(len(parts)) if known else ():
            tail = "/".join(parts[start:])
            found = tuple(p for p in known if p == tail or p.endswith("/" + tail))
            if found:
                return found if len(found) <= MOST else ()
        return ()

    def by_module(self, place: str) -> tuple[str, ...]:
        """Return the files, at most `MOST`, that a dotted name stands for.

        The longest beginning of two names or more that is a module decides, as the
        name may go on into the file: ``package.module.Class.method``.
        """
        parts = place.replace("::", ".").replace("/", ".").split(".")
        for end in range(len(parts), 1, -1):
            known = self._by_stem.get(parts[end - 1])
            if known is None:
                continue
            tail = "/".join(parts[:end])
            found = tuple(
                path
                for path in known
                if (module := _module(path)) == tail or module.endswith("/" + tail)
            )
            if found:
                return found if len(found) <= MOST else ()
        return ()


def _module(path: str) -> str:
    """Return the path that importers use: without ending or package file."""
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0] or name
    if stem in _PACKAGE_STEMS and folder:
        return folder
    return f"{folder}/{stem}" if folder else stem
