"""Which failures count: tests that failed before, that flake, that are out of date."""

from __future__ import annotations

import pytest

from openhands_tiered_router.guards.verify.judgement import Reason
from tests.guards.verify.conftest import NOTICES, PRICE, Judge, Project
from tests.guards.verify.test_verifier import CALLER, RIGHT, WRONG


RED = "def test_red():\n    assert 1 == 2\n"


@pytest.mark.slow
def test_a_new_failure_that_does_not_come_again_is_none(
    project: Project, judge: Judge
) -> None:
    mark = project.root / ".venv" / "seen"
    project.write(
        "tests/test_flaky.py",
        f"import pathlib\n{CALLER}def test_flaky():\n"
        f"    mark = pathlib.Path({str(mark)!r})\n"
        "    seen, _ = mark.exists(), mark.touch()\n"
        "    assert seen or total([]) == 1\n",
    )
    project.commit()
    project.write(PRICE, RIGHT)
    project.write("tests/test_price.py", NOTICES)
    assert judge().reason is Reason.PASSED
    assert mark.exists()


def test_its_own_new_test_does_not_save_a_change_that_breaks_an_old_one(
    project: Project, judge: Judge
) -> None:
    project.write(PRICE, WRONG)
    project.write(
        "tests/test_price.py",
        f"{CALLER}def test_total():\n    assert total([1, 2]) == '3'\n",
    )
    judged = judge(asked=Reason.OLD_TESTS_FAIL)
    assert judged.reason is Reason.TESTS_FAIL
    assert (judged.tests, judged.failing) == (2, 1)
    assert "tests.test_receipt::test_receipt fails" in judged.evidence
    assert "test_price" not in judged.evidence


RENAMED = "def sums(prices):\n    return sum(prices)\n"
OTHERWISE = "from shop.receipt import receipt\n\n\ndef test_receipt():\n"


@pytest.mark.slow
def test_an_old_test_may_be_out_of_date_which_is_asked_once(
    project: Project, judge: Judge
) -> None:
    project.write("tests/test_receipt.py", f"{OTHERWISE}    assert '1' in receipt([])")
    project.commit()
    project.write(PRICE, RIGHT)
    judged = judge()
    assert (judged.reason, judged.accepted) == (Reason.OLD_TESTS_FAIL, None)
    assert "bring them up to date" in judged.evidence
    rejected = judge(asked=Reason.OLD_TESTS_FAIL)
    assert (rejected.reason, rejected.accepted) == (Reason.TESTS_FAIL, False)
    assert rejected.evidence in judged.evidence
    project.write("tests/test_receipt.py", f"{OTHERWISE}    assert '0' in receipt([])")
    assert judge(asked=Reason.OLD_TESTS_FAIL).reason is Reason.PASSED
    project.write("tests/test_receipt.py", f"{OTHERWISE}    assert receipt([])")
    project.write("tests/test_price.py", NOTICES)
    judged = judge(asked=Reason.OLD_TESTS_FAIL)
    assert (judged.reason, judged.accepted) == (Reason.OLD_TESTS_FAIL, None)
    assert not judged.evidence, "it is asked once"
    project.write("tests/test_receipt.py", "def test_other():\n    pass\n")
    assert judge(asked=Reason.OLD_TESTS_FAIL).reason is Reason.OLD_TESTS_FAIL


@pytest.mark.slow
def test_nobody_is_asked_about_tests_that_he_changed_or_that_cannot_be_read(
    project: Project, judge: Judge
) -> None:
    project.write(PRICE, WRONG)
    project.write("tests/test_receipt.py", f"{OTHERWISE}    assert receipt([]) != ''")
    assert judge().reason is Reason.TESTS_FAIL, "its own version of the test"
    project.git("checkout", "-q", "--", ".")
    project.write(PRICE, RENAMED)
    assert judge().reason is Reason.TESTS_FAIL, "what the test imports is gone"


def test_tests_that_were_red_before_do_not_count(
    project: Project, judge: Judge
) -> None:
    project.write("tests/test_price.py", f"{CALLER}{RED}")
    project.commit()
    project.write(PRICE, RIGHT)
    judged = judge()
    assert judged.reason is Reason.NOT_SHOWN
    assert (judged.failing, judged.already_failing) == (0, 1)


def test_a_red_test_that_fails_otherwise_now_counts(
    project: Project, judge: Judge
) -> None:
    text = f"{CALLER}def test_red():\n    assert total([1]) + 1 == 4\n"
    project.write("tests/test_price.py", text)
    project.commit()
    project.write(PRICE, WRONG)
    judged = judge()
    assert judged.reason is Reason.TESTS_FAIL
    assert (judged.failing, judged.already_failing) == (2, 0)


@pytest.mark.parametrize(
    "request_", ["Make test_red succeed.", "Some of the tests fail. Repair it."]
)
def test_a_red_test_that_was_to_be_repaired_counts(
    project: Project, judge: Judge, request_: str
) -> None:
    project.write("tests/test_price.py", f"{CALLER}{RED}")
    project.commit()
    project.write(PRICE, RIGHT)
    judged = judge(request_)
    assert judged.reason is Reason.TESTS_FAIL
    assert "test_red" in judged.evidence


def test_tests_of_which_none_is_green_prove_nothing(
    project: Project, judge: Judge
) -> None:
    project.write("tests/test_receipt.py", f"{CALLER}{RED}")
    project.commit()
    project.write(PRICE, RIGHT)
    assert judge().reason is Reason.NOTHING_PASSES


def test_what_is_imported_from_the_changed_tree_is_no_baseline(
    project: Project, judge: Judge
) -> None:
    """As a project does that is installed in editable mode, in an odd layout."""
    project.write("lib/goods.py", "NAME = 'apple'\n")
    place = repr(str(project.root / "lib"))
    project.write(
        "tests/test_goods.py",
        f"import sys\nsys.path.insert(0, {place})\nimport goods\n\n\n"
        "def test_name():\n    assert goods.NAME == 'apple'\n\n\n"
        "def test_true():\n    pass\n",
    )
    project.commit()
    project.write("lib/goods.py", "NAME = 'pear'\n")
    judged = judge()
    assert judged.reason is Reason.TESTS_FAIL
    assert (judged.failing, judged.already_failing) == (1, 0)
