"""Sets of strings by a key, most of which have one member."""

from collections.abc import Collection


class Groups[K]:
    """A dictionary of sets; one of a single string is that string, not 216 bytes.

    At 30,000 files that is half a million sets, 100 MB.
    """

    def __init__(self) -> None:
        self._members: dict[K, str | set[str]] = {}

    def get(self, key: K) -> Collection[str]:
        """Return the members; to be used before the next change."""
        found = self._members.get(key, ())
        return (found,) if isinstance(found, str) else found

    def put(self, key: K, member: str, present: bool) -> None:
        """Add a member, or remove it if it is there."""
        if present:
            known = self._members.setdefault(key, member)
            if isinstance(known, set):
                known.add(member)
            elif known != member:
                self._members[key] = {known, member}
            return
        known = self._members.get(key)
        if isinstance(known, set):
            known.discard(member)
        if known == member or not known:
            self._members.pop(key, None)
