"""How well any score of an issue could tell which models fail on it.

    python tests/benchmarks/issue_ceiling.py issues.jsonl.gz outcomes.jsonl.gz

Mean AUC over models, 95 % intervals by drawing repositories. "held out": each
repository's issues by ridge regression on the others'. The reference fixes
(`gold_patch`) are read for the line that says so: no score may know them.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from openhands_tiered_router.record.calibrate.issues import mean_auc
from openhands_tiered_router.record.calibrate.samples import read_tasks
from openhands_tiered_router.record.replay.sessions import read_rows


found = read_tasks(Path(sys.argv[2]))  # an instance may be in two benchmarks
tasks = {t.id: t.outcomes for t in found if t.benchmark == "swe-bench"}
rows = [r for _, r in read_rows(Path(sys.argv[1])) if r["instance_id"] in tasks]
tried = [tasks[r["instance_id"]] for r in rows]
models = sorted(set().union(*tried))
failed = np.array([[m in o and 1.0 - o[m].solved for m in models] for o in tried])
failed[[[m not in o for m in models] for o in tried]] = np.nan
above = failed - np.nanmean(failed, 0)
hard = np.nanmean(above, 1)
others = np.array([np.nanmean(np.delete(above, j, 1), 1) for j in range(len(models))]).T
names = [r["repo"] for r in rows]
of = {name: np.flatnonzero(np.array(names) == name) for name in sorted(set(names))}


def area(scores, drawn):
    columns = zip(scores[drawn].T, failed[drawn].T, strict=True)
    return np.nanmean([mean_auc(s, f[:, None]) for s, f in columns])


def show(what, scores):
    scores = np.broadcast_to(scores.T, failed.T.shape).T
    random = np.random.default_rng(0)
    draws = [[of[n] for n in random.choice([*of], len(of))] for _ in range(200)]
    low, high = np.percentile([area(scores, np.hstack(d)) for d in draws], [2.5, 97.5])
    print(f"{what:50}{area(scores, slice(None)):.3f} ({low:.3f}-{high:.3f})")


def held_out(values, *steps):
    scores = np.zeros(len(rows))
    for mine in of.values():
        rest = np.setdiff1d(np.arange(len(rows)), mine)
        fit = make_pipeline(*steps).fit(values[rest], hard[rest])
        scores[mine] = fit.predict(values[mine]) - hard[rest].mean()
    return scores


show("what the other models did", others)
means = {name: others[mine].mean(0) for name, mine in of.items()}
show("its mean in the repository", np.array([means[name] for name in names]))
fixes = [r["gold_patch"] for r in rows]
sizes = np.log1p([[len(p), p.count("\n@@"), p.count("diff --git")] for p in fixes])
show("size of the fix, held out", held_out(sizes, StandardScaler(), Ridge(10)))
words = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True)
texts = np.array([r["problem_statement"] for r in rows])
show("words and pairs of words, held out", held_out(texts, words, Ridge(3)))
for r in (0.2, 0.3, 0.4):
    noise = np.random.default_rng(0).standard_normal((50, len(rows)))
    made = r * hard / hard.std() + np.sqrt(1 - r * r) * noise
    mean = np.mean([mean_auc(scores, failed) for scores in made])
    print(f"{f'any score that correlates at {r} with difficulty':50}{mean:.3f}")
