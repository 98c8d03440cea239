"""How the task score reads prompts that other routers' authors gave a tier.

    python tests/benchmarks/unseen_prompts.py [FILE...]

Without a file: the evaluation set of LiteLLM's complexity router, which comes with the
installed litellm. A file is a table (.csv) with columns ``prompt`` and ``tier``,
``label`` or ``expected_tier``, or any text in which prompts and tiers follow each
other, as ``prompt: "..." ... expectedTier: "SIMPLE"`` in other routers' test suites,
such as ``scripts/build-eval-set.js`` of Fast-Editor/Lynkr. Tiers may be numbers from 1.
Prints by source how many prompts get that tier from the shipped weights and how many a
weaker one, with Wilson's 95 % intervals. Labels are other people's opinion. Where an
author has three tiers, the third is reached by anything that is complex or more.
"""

from __future__ import annotations

import ast
import csv
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from openhands_tiered_router.policy.difficulty.task import TaskScorer
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.calibrate.figures import TierAgreement, share_of
from openhands_tiered_router.tiers import DEFAULT_MAX_COMPLEXITY, Tier


TEXT = r"""(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
PAIR = re.compile(
    rf"""(?:prompt|query|text)["']?\s*[:=]\s*\(?\s*"""
    rf"""(?P<prompt>{TEXT}(?:\s*\+?\s*{TEXT})*)"""
    r"""[^{}]{0,200}?(?:expected_?)?tier["']?\s*[:=]\s*[\w.]*?["']?"""
    r"""(?P<tier>simple|medium|moderate|complex|reasoning|[1-4])\b""",
    re.I,
)
LABELS = ("tier", "label", "expected_tier")
NAMES = {str(int(tier) + 1): tier for tier in Tier} | {"moderate": Tier.MEDIUM}
LITELLM = "router_strategy/complexity_router/evals/eval_complexity_router.py"


def pairs_in(path: Path) -> list[tuple[str, Tier]]:
    """The prompts of a file with their tiers, each once."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        label = next(name for name in LABELS if name in rows[0])
        return list({row["prompt"]: named(row[label]) for row in rows}.items())
    found: dict[str, Tier] = {}
    for match in PAIR.finditer(path.read_text("utf-8")):
        parts = re.findall(TEXT, match["prompt"])
        prompt = "".join(map(ast.literal_eval, parts))
        found[prompt] = named(match["tier"])
    return list(found.items())


def named(label: str) -> Tier:
    label = label.strip().lower()
    return NAMES[label] if label in NAMES else Tier.parse(label)


def tier_of(text: str, scorer: TaskScorer) -> Tier:
    score = scorer.score(text, SessionState()).score
    limits = DEFAULT_MAX_COMPLEXITY
    return next((t for t in Tier if score <= limits[t]), Tier.REASONING)


def placed(
    pairs: list[tuple[str, Tier]], scorer: TaskScorer
) -> list[tuple[Tier, Tier]]:
    """The tier that each prompt gets, at most its author's highest, and its label."""
    highest = max(tier for _, tier in pairs)
    return [(min(tier_of(text, scorer), highest), tier) for text, tier in pairs]


def show(name: str, given: list[tuple[Tier, Tier]]) -> None:
    found = TierAgreement(
        exact=share_of(sum(got == want for got, want in given), len(given)),
        under=share_of(sum(got < want for got, want in given), len(given)),
    )
    print(f"{name:24s} {len(given):4d}  exact {found.exact}  under {found.under}")


def sources() -> Iterator[tuple[str, Path]]:
    if len(sys.argv) > 1:
        yield from ((Path(name).name, Path(name)) for name in sys.argv[1:])
        return
    litellm = find_spec("litellm")
    assert litellm is not None
    assert litellm.submodule_search_locations
    yield "litellm", Path(litellm.submodule_search_locations[0]) / LITELLM


def main() -> None:
    scorer, every = TaskScorer(), []
    for name, path in sources():
        pairs = pairs_in(path)
        if not pairs:
            sys.exit(f"{path}: no prompt with a tier found")
        given = placed(pairs, scorer)
        every += given
        show(name, given)
    show("all", every)


if __name__ == "__main__":
    main()
