import math
from dataclasses import replace

import pytest

from openhands_tiered_router.record.calibrate.issues import (
    CENTRE,
    FITTED,
    SPREAD,
    Issues,
    fit_issues,
    held_out_scores,
    mean_auc,
)


np = pytest.importorskip("numpy")
pytest.importorskip("scipy")

HARD = ("request_length", "blast_radius")


@pytest.fixture
def issues() -> Issues:
    """Two dimensions tell which of three models fail; the others are noise."""
    draw = np.random.default_rng(3)
    values = draw.random((120, len(FITTED)))
    told = values[:, [FITTED.index(name) for name in HARD]].mean(1)
    noise = draw.normal(0, 0.15, (120, 3))
    failed = (told[:, None] + noise > 0.5).astype(float)
    return Issues(
        ids=[str(i) for i in range(120)],
        repositories=[f"owner/{i % 4}" for i in range(120)],
        values=values,
        failed=failed,
        models=["a", "b", "c"],
    )


def test_the_dimensions_that_tell_failures_weigh_most(issues: Issues) -> None:
    weights = fit_issues(issues.values, issues.failed).head.weights
    assert set(sorted(weights, key=weights.__getitem__)[-2:]) == set(HARD)


def test_scores_lie_where_policy_puts_them(issues: Issues) -> None:
    scores = fit_issues(issues.values, issues.failed).scores(issues.values)
    assert scores.mean() == pytest.approx(CENTRE, abs=1e-3)
    assert scores.std() == pytest.approx(SPREAD, abs=1e-3)


def test_what_is_held_out_has_no_part_in_its_scores(issues: Issues) -> None:
    """Neither in the weights nor in the choice of dimensions."""
    held = np.array([name == "owner/0" for name in issues.repositories])
    told = issues.values[:, FITTED.index("code_share")] > 0.5
    failed = np.where(held[:, None], told[:, None], issues.failed).astype(float)
    other = held_out_scores(replace(issues, failed=failed), graph=True)
    assert (other[held] == held_out_scores(issues, graph=True)[held]).all()
    assert (other[~held] != held_out_scores(issues, graph=True)[~held]).any()


def test_without_its_graph_an_issue_has_the_mean_graph(issues: Issues) -> None:
    without = held_out_scores(issues, graph=False)
    with_graph = held_out_scores(issues, graph=True)
    assert 0.5 < mean_auc(without, issues.failed) < mean_auc(with_graph, issues.failed)


def test_issues_that_never_vary_tell_nothing(issues: Issues) -> None:
    fit = fit_issues(np.full_like(issues.values, 0.5), issues.failed)
    assert set(fit.head.weights.values()) == {0.0}
    assert math.isfinite(fit.head.base)
