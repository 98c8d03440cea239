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
from math import ceil, log
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

TERMS: Final = 150
"""Terms that one question may have, the heaviest."""

COMMON: Final = 0.4
"""Share of the files from which on a term is not worth looking up."""

FEW: Final = 20
"""Files that may hold a term in any case: small projects share all their words."""

TAIL: Final = 0.2
"""Share of the best score below which a file is left out."""


type Postings = tuple[list[int], list[float]]
"""The files that hold a term, by number, and what it is worth in each.

Both lists share their elements with all others, so a posting takes 16 bytes.
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
            postings = self._postings.get(term)
            if postings is None:
                postings = self._postings[term] = [], []
            postings[0].append(number)
            postings[1].append(worth)

    def put(self, path: str, worths: Mapping[str, float]) -> None:
        """Add a file, or replace what is known of it; .3 ms for a usual one."""
        self.drop(path)
        number = self._number(path, worths)
        for term, worth in worths.items():
            files, others = self._postings.get(term, _NONE)
            self._postings[term] = [*files, number], [*others, worth]

    def drop(self, path: str) -> None:
        """Forget a file, if it is there."""
        number = self._numbers.pop(path, None)
        if number is None:
            return
        self._paths[number] = None
        for term in self._terms.pop(number):
            files, worths = self._postings[term]
            if len(files) == 1:
                del self._postings[term]
                continue
            at = files.index(number)
            rest = files[:at] + files[at + 1 :], worths[:at] + worths[at + 1 :]
            self._postings[term] = rest

    def weigh(self, terms: Mapping[str, float]) -> dict[str, float]:
        """Multiply weights of terms by their inverse document frequency.

        Only the heaviest `TERMS` are kept, and none that no file holds, or too many;
        the rarest comes first.
        """
        total, table, rarity = len(self._numbers), self._postings, self._rarity
        if rarity.total != total:
            rarity = self._rarity = _Rarity(total)
        most = max(COMMON * total, FEW)
        found: list[tuple[float, int, str]] = []
        for term, weight in terms.items():
            postings = table.get(term)
            if postings is not None and (holding := len(postings[0])) <= most:
                found.append((weight * rarity[holding], holding, term))
        if len(found) > TERMS:
            found.sort(reverse=True)
            del found[TERMS:]
        found.sort(key=itemgetter(1, 2))
        return {term: weight for weight, _, term in found}

    def scores(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Add up what the terms are worth in each file that is not far behind.

        Rare terms choose `CANDIDATES` files once they used up the `BUDGET`, and the
        others are looked up in those only.

        Args:
            weights: Of terms, from `weigh`.
        """
        totals = [0.0] * len(self._paths)
        left, later = BUDGET, []
        for rank, (term, weight) in enumerate(weights.items()):
            files, worths = self._postings.get(term, _NONE)
            left -= len(files)
            if left < 0 and rank >= ALWAYS:
                later.append((weight, self._by_file(term)))
                continue
            for number, worth in zip(files, worths):  # noqa: B905 -- strict is slow
                totals[number] += worth * weight
        floor = TAIL / 2 * max(totals, default=0.0)
        near = [number for number, total in enumerate(totals) if total > floor]
        if later:
            near.sort(key=totals.__getitem__, reverse=True)
            del near[CANDIDATES:]
        chosen = {number: totals[number] for number in near}
        for weight, worth_of in later:
            for number in chosen.keys() & worth_of.keys():
                chosen[number] += weight * worth_of[number]
        floor = TAIL * max(chosen.values(), default=0.0)
        paths = self._paths
        return {
            path: total
            for number, total in chosen.items()
            if total > floor and (path := paths[number]) is not None
        }

    def _by_file(self, term: str) -> dict[int, float]:
        """Return a term's postings, to look up single files; kept until they change."""
        postings = self._postings[term]
        known = self._looked_up.get(term)
        if known is None or known[0] is not postings:
            known = self._looked_up[term] = postings, dict(zip(*postings, strict=True))
        return known[1]

    def _number(self, path: str, terms: Iterable[str]) -> int:
        number = self._numbers[path] = len(self._paths)
        self._paths.append(path)
        self._terms[number] = tuple(terms)
        return number


class _Rarity(dict[int, float]):
    """Inverse document frequency by the number of files that hold a term."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total

    def __missing__(self, holding: int) -> float:
        rarity = log(1 + (self.total - holding + 0.5) / (holding + 0.5))
        self[holding] = rarity
        return rarity


_NONE: Final[Postings] = ([], [])

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
