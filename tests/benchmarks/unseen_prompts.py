"""How the task score reads prompts that other routers' authors gave a tier.

    python tests/benchmarks/unseen_prompts.py [FILE...]

Without a file: the evaluation set of LiteLLM's complexity router, which comes with the
installed litellm. A file is any text in which prompts and tiers follow each other, as
``prompt: "..." ... expectedTier: "SIMPLE"`` in other routers' test suites, such as
``scripts/build-eval-set.js`` of Fast-Editor/Lynkr. Prints by
source how many prompts get that tier from the shipped weights and how many a weaker
one, with Wilson's 95 % intervals. Labels are other people's opinion.
"""

from __future__ import annotations

import ast
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
    r"""(?P<tier>simple|medium|complex|reasoning)\b""",
    re.I,
)
LITELLM = "router_strategy/complexity_router/evals/eval_complexity_router.py"


def pairs_in(path: Path) -> list[tuple[str, Tier]]:
    """The prompts of a file with their tiers, each once."""
    found: dict[str, Tier] = {}
    for match in PAIR.finditer(path.read_text("utf-8")):
        parts = re.findall(TEXT, match["prompt"])
        prompt = "".join(map(ast.literal_eval, parts))
        found[prompt] = Tier.parse(match["tier"].lower())
    return list(found.items())


def tier_of(text: str, scorer: TaskScorer) -> Tier:
    score = scorer.score(text, SessionState()).score
    limits = DEFAULT_MAX_COMPLEXITY
    return next((t for t in Tier if score <= limits[t]), Tier.REASONING)


def agreement(pairs: list[tuple[str, Tier]], scorer: TaskScorer) -> TierAgreement:
    given = [(tier_of(text, scorer), tier) for text, tier in pairs]
    return TierAgreement(
        exact=share_of(sum(got == want for got, want in given), len(given)),
        under=share_of(sum(got < want for got, want in given), len(given)),
    )


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
        found = agreement(pairs, scorer)
        every += pairs
        print(f"{name:24s} {len(pairs):4d}  exact {found.exact}  under {found.under}")
    found = agreement(every, scorer)
    print(f"{'all':24s} {len(every):4d}  exact {found.exact}  under {found.under}")


if __name__ == "__main__":
    main()
