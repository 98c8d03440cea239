"""An inverted index of the workspace's files, kept current file by file.

Scores are BM25F (Robertson, Zaragoza and Taylor, Simple BM25 extension to multiple
weighted fields, 2004), but for one thing: field lengths are compared with
constants, not with this workspace's means. So what a file contributes depends on
that file alone, and an index that followed 900 edits equals one made afresh.

One writer at a time; readers need no lock: a list of postings is replaced, never
changed, and a reader in the middle of an update sees each term before or after it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import ceil, log, sumprod
from operator import itemgetter
from typing import Final

from openhands_tiered_router.graph.git_history import Terms
from openhands_tiered_router.graph.model import FileFacts
from openhands_tiered_router.graph.words import terms_of, words


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a file that terms are taken from."""

    weight: float
    pivot: float
    """Terms in a usual file's field: longer ones count for less each."""


FIELDS: Final[Mapping[str, Field]] = {
    "path": Field(4.0, 9),
    "names": Field(3.0, 60),
    "signatures": Field(1.0, 130),
    "docstrings": Field(0.5, 45),
    "calls": Field(0.5, 140),
    "variables": Field(0.5, 75),
    "history": Field(1.0, 65),
}
"""Pivots are the means over 12 Python projects, tests included."""

SATURATION: Final = 1.5
"""BM25's k1: weighted occurrences at which a term reaches half of its worth."""

LENGTH: Final = 0.65
"""BM25's b: how far the length of a field counts, in [0, 1]."""

BUDGET: Final = 3_000
"""Postings that one question may read in full, rarest terms first.

At half of it, two of 103 issues lost their file from the first ten.
"""

ALWAYS: Final = 3
"""Rarest terms that are read in full even so: something must choose the files."""

CANDIDATES: Final = 120
"""Best files by those terms, which alone the commoner terms are added to."""

TERMS: Final = 64
"""The heaviest terms of a question, and what weighs the same as the last of them.

Accuracy is level from 48 to 300 (docs/graph.md), and the lightest terms have the most
postings: at 150 a question took half as long again.
"""

COMMON: Final = 0.4
"""Share of the files from which on a term is not worth looking up."""

FEW: Final = 20
"""Files that may hold a term in any case: small projects share all their words."""

TAIL: Final = 0.2
"""Share of the best score below which a file is left out."""


type Postings = list[float]
"""Number of a file that holds a term, what it is worth there, the next number, ...

Numbers rise. One flat list of objects that all lists share is read twice as fast as
pairs are, which lie elsewhere in memory, and takes 16 bytes a posting.
"""


class FileIndex:
    """Which files hold a term; see the module for what may run at once."""

    def __init__(self) -> None:
        self._paths: list[str | None] = []
        self._numbers: dict[str, int] = {}
        self._terms: dict[int, tuple[str, ...]] = {}
        self._postings: dict[str, Postings] = {}
        self._looked_up: dict[str, tuple[Postings, dict[int, float]]] = {}
        self._rarity = _Rarity(0)

    @classmethod
    def of(
        cls, paths: Sequence[str | None], postings: Mapping[str, Postings]
    ) -> "FileIndex":
        """Return an index to ask, not to change, of some terms.

        Args:
            paths: By number; None for one that is gone.
            postings: Of the terms that will be asked for, without what is gone.
        """
        index = cls()
        index._paths = list(paths)
        index._numbers = {path: n for n, path in enumerate(paths) if path is not None}
        index._postings = dict(postings)
        return index

    def __len__(self) -> int:
        return len(self._numbers)

    def append(self, path: str, worths: Mapping[str, float]) -> None:
        """Add a file that is not in it, while nobody else reads the index."""
        number = self._number(path, worths)
        for term, worth in worths.items():
            self._postings.setdefault(term, []).extend((number, worth))

    def put(self, path: str, worths: Mapping[str, float]) -> None:
        """Add a file, or replace what is known of it; .3 ms for a usual one."""
        self.drop(path)
        number = self._number(path, worths)
        for term, worth in worths.items():
            self._postings[term] = [*self._postings.get(term, ()), number, worth]

    def drop(self, path: str) -> None:
        """Forget a file, if it is there."""
        number = self._numbers.pop(path, None)
        if number is None:
            return
        self._paths[number] = None
        for term in self._terms.pop(number):
            postings = self._postings[term]
            if len(postings) == 2:
                del self._postings[term]
                continue
            at = 2 * postings[::2].index(number)
            self._postings[term] = postings[:at] + postings[at + 2 :]

    def weigh(self, terms: Mapping[str, float]) -> dict[str, float]:
        """Multiply weights of terms by their inverse document frequency.

        Only the heaviest `TERMS` are kept, and none that no file holds, or too many;
        the rarest comes first.
        """
        total, table, rarity = len(self._numbers), self._postings, self._rarity
        if rarity.total != total:
            rarity = self._rarity = _Rarity(total)
        most = max(COMMON * total, FEW)
        found: list[tuple[int, str, float]] = []
        for term, weight in terms.items():
            postings = table.get(term)
            if postings is not None and (holding := len(postings) // 2) <= most:
                found.append((holding, term, weight * rarity[holding]))
        if len(found) > TERMS:
            least = sorted(map(itemgetter(2), found))[-TERMS]
            found = [each for each in found if each[2] >= least]
        found.sort()
        return {term: weight for _, term, weight in found}

    def scores(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Add up what the terms are worth in each file that is not far behind.

        Rare terms choose `CANDIDATES` files once they used up the `BUDGET`, and the
        others are looked up in those only.

        Args:
            weights: Of terms, from `weigh`.
        """
        while True:
            try:
                return self._scores(weights)
            except IndexError:  # a file was added in the meantime: ask again
                continue

    def _scores(self, weights: Mapping[str, float]) -> dict[str, float]:
        totals = [0.0] * len(self._paths)
        left, later = BUDGET, []
        for rank, (term, weight) in enumerate(weights.items()):
            postings = self._postings.get(term, ())
            left -= len(postings) // 2
            if left < 0 and rank >= ALWAYS:
                later.append(term)
                continue
            for number, worth in _pairs(postings):
                totals[number] += worth * weight
        floor = TAIL / 2 * max(totals, default=0.0)
        near = [number for number, total in enumerate(totals) if total > floor]
        if later and near:
            near.sort(key=totals.__getitem__, reverse=True)
            del near[CANDIDATES:]
            rows = [map(self._by_file(term).get, near, repeat(0.0)) for term in later]
            factors = [weights[term] for term in later]
            for number, worths in zip(near, zip(*rows, strict=True), strict=True):
                totals[number] += sumprod(factors, worths)
        floor = TAIL * max(map(totals.__getitem__, near), default=0.0)
        paths = self._paths
        return {
            path: total
            for number in near
            if (total := totals[number]) > floor and (path := paths[number]) is not None
        }

    def _by_file(self, term: str) -> dict[int, float]:
        """Return a term's postings, to look up single files; kept until they change."""
        postings = self._postings.get(term, [])
        known = self._looked_up.get(term)
        if known is None or known[0] is not postings:
            known = self._looked_up[term] = postings, dict(_pairs(postings))
        return known[1]

    def _number(self, path: str, terms: Iterable[str]) -> int:
        number = self._numbers[path] = len(self._paths)
        self._paths.append(path)
        self._terms[number] = tuple(terms)
        return number


def _pairs(postings: Sequence[float]) -> "zip[tuple[int, float]]":
    each = iter(postings)
    return zip(each, each)  # noqa: B905  # pyright: ignore[reportReturnType]


class _Rarity(dict[int, float]):
    """Inverse document frequency by the number of files that hold a term."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total

    def __missing__(self, holding: int) -> float:
        rarity = log(1 + (self.total - holding + 0.5) / (holding + 0.5))
        self[holding] = rarity
        return rarity


GRADES: Final = tuple(grade / 128 for grade in range(129))
"""Worths are rounded to these, so that equal ones are one object."""


def file_worths(facts: FileFacts, said: Terms | None) -> dict[str, float]:
    """Return the terms of a file and what each is worth, in (0, 1)."""
    weighted: dict[str, float] = defaultdict(float)
    for name, counts in _field_terms(facts, said):
        field = FIELDS[name]
        norm = 1 - LENGTH + LENGTH * sum(counts.values()) / field.pivot
        for term, count in counts.items():
            weighted[term] += field.weight * count / norm
    return {
        term: GRADES[ceil(128 * tf / (SATURATION + tf))]
        for term, tf in weighted.items()
    }


def _field_terms(
    facts: FileFacts, said: Terms | None
) -> Iterable[tuple[str, Mapping[str, int]]]:
    stem = facts.path.rpartition(".")[0] or facts.path
    definitions = facts.definitions
    yield "path", Counter(terms_of(words(stem)))
    yield "names", Counter(terms_of(d.name for d in definitions))
    yield "signatures", Counter(_text_terms(d.signature for d in definitions))
    yield "docstrings", Counter(_text_terms(d.docstring for d in definitions))
    yield "calls", Counter(terms_of(call.name for call in facts.calls))
    yield "variables", Counter(terms_of(v.name for v in facts.variables))
    if said:
        yield "history", said


def _text_terms(texts: Iterable[str]) -> list[str]:
    return [term for text in texts for term in terms_of(words(text))]
