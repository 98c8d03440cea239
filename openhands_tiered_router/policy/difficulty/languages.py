"""What requests ask for, as word stems of sixteen languages grouped by concept.

A concept is never decided by a substring: in scripts with spaces a stem has to
start a word, or to be the whole of it. "Author" is not "auth", and "improve" is not
"prove". What a concept is worth is fitted
(docs/scoring.md), and no concept alone reaches a tier.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from importlib.resources import files
from typing import Final


class Concept(IntEnum):
    """What a word of a request hints at."""

    GREETING = 0
    QUESTION = 1
    """Who, what, when, where, which, how many."""
    DEFINE = 2
    """Asks for a meaning or a translation."""
    BRIEF = 3
    EXPLAIN = 4
    COMPARE = 5
    SUMMARISE = 6
    WRITE = 7
    REVIEW = 8
    DIAGNOSE = 9
    DESIGN = 10
    SYSTEM = 11
    """Names something large: a platform, a pipeline, an infrastructure."""
    PROVE = 12
    FORMAL = 13
    """Vocabulary of proofs: theorem, lemma, induction, convergence."""
    CONSTRAIN = 14
    """States a condition: must, without, at most, exactly."""
    STEPWISE = 15
    """Asks for thought itself: step by step, reason, logic, puzzle."""
    CALCULATE = 16
    """Vocabulary of models and chance: probability, equilibrium, expected value."""
    ANALYSE = 17
    """Asks for a judgement: analyse, evaluate, trade-offs, implications."""
    OPERATE = 18
    """Asks for one small thing to be done: run, open, show, restart, rename."""
    SNIPPET = 19
    """Names something small to be made: a function, a script, a query, a poem."""
    DECIDE = 20
    """Asks what to choose: should we, the best way, a strategy, priorities."""
    SCALE = 21
    """States a scale: millions, concurrent, in production, a legacy code base."""
    COMPONENT = 22
    """Names a part of a system: a service, a database, authentication."""
    DEPTH = 23
    """Asks for all of it: comprehensive, complete, in depth, from scratch."""
    PUZZLE = 24
    """Furniture of puzzles: liars, coins, hats, prisoners."""
    TRANSFORM = 25
    """Asks for given text in another form: extract, sort, round, capitalise."""
    SCOPE = 26
    """Says that it concerns all of something: across, every, the whole code base."""
    HAZARD = 27
    """Names what fails in hard ways: races, deadlocks, latency, lost data."""
    SECURE = 28
    """Vocabulary of attacks: vulnerability, exploit, injection, threat model."""
    VERIFY = 29
    """Asks whether something holds: verify, invariant, counterexample, rule out."""
    PLAN = 30
    """Asks for a way to change something large: propose, migrate, unify."""


_UNSPACED: Final = re.compile(r"[぀-ヿ㐀-鿿가-힣]")
"""Characters of Japanese, Chinese and Korean."""
_LONGEST_STEM: Final = 14


@dataclass(frozen=True, slots=True)
class _Stems:
    """Concepts, as bits, by stem."""

    words: dict[str, int]
    starts: dict[str, int]
    unspaced: dict[str, list[str]]
    """Stems of scripts without spaces, by their first character."""


@lru_cache(maxsize=1)
def _stems() -> _Stems:
    """Reads ``data/stems.txt``, which says itself how it is written."""
    source = files("openhands_tiered_router.policy.difficulty") / "data" / "stems.txt"
    stems = _Stems({}, {}, {})
    bit = 0
    for line in source.read_text("utf-8").splitlines():
        if line.startswith("["):
            bit = 1 << Concept[line.strip("[]").upper()]
        elif not line.startswith("#"):
            for stem in line.split():
                _add(stems, stem, bit)
    return stems


def _add(stems: _Stems, stem: str, bit: int) -> None:
    table = stems.words if stem.startswith("=") else stems.starts
    key = stem.removeprefix("=").replace("_", " ")
    if table is stems.starts and is_unspaced(key) and key not in table:
        stems.unspaced.setdefault(key[0], []).append(key)
    table[key] = table.get(key, 0) | bit


def is_unspaced(word: str) -> bool:
    """Whether a text has characters of a script without spaces, or Hangul."""
    return not word.isascii() and _UNSPACED.search(word) is not None


def unspaced_count(text: str) -> int:
    """How many characters are of a script without spaces, or Hangul."""
    return 0 if text.isascii() else len(_UNSPACED.findall(text))


@lru_cache(maxsize=16_384)
def concepts_of(word: str) -> int:
    """The concepts that a case-folded word hints at, as bits by `Concept` value.

    A word of a script without spaces is a whole phrase: stems may stand anywhere in
    it. In other scripts they have to start it.
    """
    if is_unspaced(word):
        return _anywhere(word)
    stems = _stems()
    found = stems.words.get(word, 0)
    for length in range(1, min(len(word), _LONGEST_STEM) + 1):
        found |= stems.starts.get(word[:length], 0)
    return found


def pair_concepts(first: str, second: str) -> int:
    """The concepts that two neighbouring words hint at together."""
    return _stems().words.get(f"{first} {second}", 0)


def _anywhere(phrase: str) -> int:
    stems = _stems()
    found = 0
    for start, first in enumerate(phrase):
        for stem in stems.unspaced.get(first, ()):
            if phrase.startswith(stem, start):
                found |= stems.starts[stem]
    return found
