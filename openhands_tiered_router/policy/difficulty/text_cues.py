"""What the wording of a request hints at: features, and logistic models over them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from pydantic import FiniteFloat

from openhands_tiered_router.policy.difficulty.languages import (
    Concept,
    concepts_of,
    pair_concepts,
    unspaced_count,
)
from openhands_tiered_router.policy.difficulty.text import UserText


_WORD: Final = re.compile(r"[^\s!-/:-@\[-`{-~、。，！？：；（）「」『』…«»¿¡।؟،؛“”]+")
_SEPARATORS: Final = (
    ",",
    ";",
    "،",
    "、",
    "，",
    "；",
    "和",
    "与",
    "與",
    "와",
    "과",
    "및",
)
"""Between the parts of a list; the letters are "and" in Chinese and Korean."""
_BULLET: Final = re.compile(r"\n\s{0,8}(?:[-*•]|\d{1,2}[.)])\s")
_AND: Final = frozenset(("and", "und", "et", "y", "e", "ve", "và", "и", "i", "और"))
_QUOTED: Final = re.compile(r"""(?<!\w)['"“‘«\[][^'"”’»\]]{2,}['"”’»\]]""")
"""A text to work on, which is no part of what is asked."""
_DATA: Final = re.compile(rf":\s*\S|{_QUOTED.pattern}")
_FORMULA: Final = re.compile(r"[\d=<>+*^()²³ⁿ√∑∏∫≤≥≡→∀∃]")
_QUESTION_MARKS: Final = ("?", "？", "؟")
_LONG_SENTENCE: Final = 120
"""Characters from which a question is no look-up, however it begins."""
_LOOK_UP: Final = tuple(
    f"{start}{concept}"
    for concept in ("question", "define", "greeting")
    for start in ("", "starts:")
)
"""Cues that count for less the longer a request is: "what is" also begins
"what is the best way to ..."."""
_NAMES: Final = tuple((1 << int(c), c.name.lower()) for c in Concept)
_CONSTRAIN: Final = 1 << int(Concept.CONSTRAIN)
_DECIDE: Final = 1 << int(Concept.DECIDE)
_MAKE: Final = 1 << int(Concept.WRITE) | 1 << int(Concept.DESIGN)
_LARGE: Final = (
    1 << int(Concept.SYSTEM) | 1 << int(Concept.SCALE) | 1 << int(Concept.COMPONENT)
)
_REWORK: Final = 1 << int(Concept.REVIEW) | 1 << int(Concept.DIAGNOSE)
_DEEP: Final = 1 << int(Concept.SCOPE) | 1 << int(Concept.HAZARD)
_TRANSFORM: Final = 1 << int(Concept.TRANSFORM)
_SMALL: Final = 1 << int(Concept.SNIPPET)
_OPENING_WORDS: Final = 3
"""Words whose concepts count as what the request begins with."""
MANY_PARTS: Final = 8
"""Enumerated parts at which that feature, and the constraints, are full."""


@dataclass(frozen=True, slots=True)
class Cues:
    """Features of one request's wording.

    Attributes:
        values: Feature name to value in [0, 1]; a name that is absent is 0. A concept
            of `languages` gives ``<concept>`` and, among the first three words,
            ``starts:<concept>``; beside them ``parts``, ``words``, ``asks`` (ends with
            a question mark), ``formula`` (share of digits and operators), ``data``
            (comes with a text to work on), ``builds`` (makes a part of a system) and
            ``reworks`` (reviews or mends something far-reaching).
        parts: Enumerated things: separators of lists, bullets, the word "and".
        constraints: Words that state a condition.
    """

    values: Mapping[str, float]
    parts: int
    constraints: int


def cues_of(text: UserText) -> Cues:
    """The features of a request; reads its first and last words only."""
    opening = text.opening
    words = _WORD.findall(opening)
    masks = [concepts_of(word) for word in words]
    for i, pair in enumerate(zip(words, words[1:], strict=False)):
        masks[i] |= pair_concepts(*pair)
    everywhere = reduce(or_, masks, 0)
    start = reduce(or_, masks[:_OPENING_WORDS], 0)
    asked = opening.partition(":")[0] if start & _TRANSFORM else opening
    asked = _QUOTED.sub(" ", asked)
    parts = sum(map(asked.count, _SEPARATORS)) + len(_BULLET.findall(asked))
    parts += sum(word in _AND for word in words)
    short = 1.0 - min(text.size / _LONG_SENTENCE, 1.0)
    if everywhere & _DECIDE:
        short = 0.0
    values = {name: 1.0 for bit, name in _NAMES if everywhere & bit}
    values.update((f"starts:{name}", 1.0) for bit, name in _NAMES if start & bit)
    values.update((name, short) for name in _LOOK_UP if name in values)
    values["parts"] = min(parts / MANY_PARTS, 1.0)
    values["asks"] = short if opening.rstrip().endswith(_QUESTION_MARKS) else 0.0
    # A third: Hangul has spaces between its words too, of about three characters.
    count = max(len(words), unspaced_count(opening) / 3)
    values["words"] = min(math.log1p(count) / math.log(61), 1.0)
    values["data"] = 1.0 if _DATA.search(opening) else 0.0
    if start & _MAKE and everywhere & _LARGE and not everywhere & _SMALL:
        values["builds"] = 1.0
    if start & _REWORK and everywhere & _DEEP:
        values["reworks"] = 1.0
    if opening:
        values["formula"] = len(_FORMULA.findall(opening)) / len(opening)
    return Cues(values, parts, sum(bool(mask & _CONSTRAIN) for mask in masks))


@dataclass(frozen=True, slots=True)
class CueModel:
    """Logistic regression over cues."""

    intercept: FiniteFloat
    weights: Mapping[str, FiniteFloat]

    def probability(self, cues: Cues) -> float:
        """P(the wording is of the kind that the model was fitted for)."""
        total = self.intercept + sum(
            self.weights.get(name, 0.0) * value for name, value in cues.values.items()
        )
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))

    def strongest(self, cues: Cues, most: int = 3) -> list[tuple[str, float]]:
        """The cues that moved it most, with what each adds to the log odds."""
        moved = [
            (name, self.weights.get(name, 0.0) * value)
            for name, value in cues.values.items()
        ]
        moved.sort(key=lambda item: (-abs(item[1]), item[0]))
        return [(name, x) for name, x in moved[:most] if x]
