"""What is accepted and what is not: real git, real tests, no agent."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from openhands_tiered_router.guards.verify.git import Repository
from openhands_tiered_router.guards.verify.history import Deed
from openhands_tiered_router.guards.verify.judgement import Judgement, Reason
from openhands_tiered_router.guards.verify.settings import VerifySettings
from openhands_tiered_router.guards.verify.verifier import Verifier
from openhands_tiered_router.policy.actions import Action
from openhands_tiered_router.policy.kinds import ActionKind
from tests.guards.verify.conftest import NOTICES, PRICE, Judge, Project


RIGHT = "def total(prices):\n    return sum(prices)\n"
WRONG = "def total(prices):\n    return str(sum(prices))\n"
CALLER = "from shop.price import total\n\n\n"


def test_a_good_change_passes_the_tests_that_reach_it(
    project: Project, judge: Judge
) -> None:
    project.write("tests/test_other.py", "def test_other():\n    raise SystemExit\n")
    project.commit()
    project.write(PRICE, RIGHT)
    project.write("tests/test_price.py", NOTICES)
    few = {"max_test_files": 2}
    assert judge(**few) == Judgement(reason=Reason.PASSED, tests=2)
    # A suite of no more files than that runs whole.
    assert judge() == Judgement(reason=Reason.PASSED, tests=3, already_failing=1)


def test_a_change_that_no_test_notices_is_not_judged(
    project: Project, judge: Judge
) -> None:
    project.write(PRICE, RIGHT)
    judged = judge()
    assert (judged.reason, judged.accepted) == (Reason.NOT_SHOWN, None)
    project.write("tests/test_price.py", "def test_true():\n    assert True\n")
    assert judge().reason is Reason.NOT_SHOWN, "its own test passes without it, too"
    project.write("README.md", "A good shop.\n")
    project.write(PRICE, project.git("show", f"HEAD:{PRICE}"))
    (project.root / "tests" / "test_price.py").unlink()
    judged = judge()
    assert (judged.reason, judged.evidence) == (Reason.NOT_SHOWN, "")


def test_an_old_test_that_was_red_and_is_green_notices(
    project: Project, judge: Judge
) -> None:
    project.write("tests/test_price.py", NOTICES)
    project.commit()
    project.write(PRICE, RIGHT)
    assert judge().reason is Reason.PASSED


COUNTS = """
from pathlib import Path

def test_counted():
    with Path({log!r}).open("a") as log:
        log.write("ran ")
"""


@pytest.mark.slow
def test_a_later_round_runs_only_what_may_come_out_differently(
    project: Project, judge: Judge, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    project.write("tests/test_old.py", COUNTS.format(log=str(log)))
    project.commit()
    project.write(PRICE, RIGHT)
    assert judge().reason is Reason.NOT_SHOWN
    assert log.read_text() == "ran ran ", "with the change, and without it"
    project.write("tests/test_price.py", NOTICES)
    assert judge().reason is Reason.PASSED
    assert log.read_text() == "ran ran ", "it passed on the same code"
    project.write(PRICE, "def total(prices):\n    return sum(list(prices))\n")
    assert judge().reason is Reason.PASSED
    assert log.read_text() == "ran ran ran ", "the code is another"
    project.write("tests/conftest.py", "")
    project.write("tests/helper.py", "")
    assert judge().reason is Reason.PASSED
    assert log.read_text() == "ran ran ran ran ", "what tests use is another"


def test_only_files_with_failures_run_again(
    project: Project, judge: Judge, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    project.write("tests/test_old.py", COUNTS.format(log=str(log)))
    project.commit()
    project.write(PRICE, WRONG)
    judged = judge()
    assert (judged.reason, judged.failing) == (Reason.OLD_TESTS_FAIL, 1)
    assert log.read_text() == "ran "


@pytest.mark.parametrize(
    "text",
    [
        "# The total.\n{}",
        "{}\n\n",
        '"""Prices."""\n{}',
        "{}# TODO: correct this\n",
    ],
)
def test_a_comment_is_no_change(project: Project, judge: Judge, text: str) -> None:
    project.write(PRICE, text.format(project.git("show", f"HEAD:{PRICE}")))
    reproduced = [deed(ActionKind.RUN, "python try.py", 1), EDITED, RAN]
    judged = judge(done=reproduced)
    assert (judged.reason, judged.accepted) == (Reason.NO_EFFECT, False)


@pytest.mark.slow
def test_a_broken_conftest_takes_only_its_own_tests_along(
    project: Project, judge: Judge
) -> None:
    project.write("tests/other/conftest.py", "import no_such_module\n")
    project.write("tests/other/test_x.py", f"{CALLER}def test_x():\n    pass\n")
    project.commit()
    project.write("tests/test_price.py", NOTICES)
    project.write(PRICE, WRONG)
    judged = judge()
    assert judged.reason is Reason.TESTS_FAIL
    assert "test_receipt" in judged.evidence
    project.write(PRICE, RIGHT)
    assert judge().reason is Reason.PASSED


def test_a_conftest_that_the_change_breaks_is_a_rejection(
    project: Project, judge: Judge
) -> None:
    project.write("tests/other/conftest.py", "from shop.price import total\n")
    project.write("tests/other/test_x.py", "def test_x():\n    pass\n")
    project.write("tests/test_receipt.py", "def test_receipt():\n    pass\n")
    project.commit()
    project.write(PRICE, "def sums(prices):\n    return sum(prices)\n")
    judged = judge()
    assert judged.reason is Reason.TESTS_FAIL
    assert "cannot be run any more" in judged.evidence


def test_a_reproduction_whose_script_was_rewritten_is_none(
    project: Project, judge: Judge
) -> None:
    fails = deed(ActionKind.RUN, "python try.py", 1)
    rewritten = deed(ActionKind.EDIT, "", 0, "try.py")
    project.write(PRICE, RIGHT)
    assert judge(done=[fails, EDITED, RAN]).reason is Reason.PASSED
    assert judge(done=[fails, EDITED, rewritten, RAN]).reason is Reason.NOT_SHOWN
    assert judge(done=[fails, RAN, EDITED]).reason is Reason.NOT_SHOWN


def deed(kind: ActionKind, command: str = "", code: int = 0, *paths: str) -> Deed:
    action = Action(
        kind=kind,
        tool="terminal",
        call_id="c",
        signature=0,
        failed=bool(code),
        exit_code=code,
        paths=paths,
    )
    return Deed(action, command, "")


EDITED = deed(ActionKind.EDIT, "sed", 0, PRICE)
RAN = deed(ActionKind.RUN, "python try.py")


def test_no_test_is_no_pass(project: Project, judge: Judge) -> None:
    shutil.rmtree(project.root / "tests")
    project.commit()
    project.write(PRICE, RIGHT)
    judged = judge(done=[RAN, EDITED])
    assert judged.reason is Reason.NOT_CHECKED
    assert judged.accepted is False
    assert "No test was found" in judged.evidence
    judged = judge(done=[EDITED, RAN], commands=["true"])
    assert judged.reason is Reason.NO_TESTS
    assert judged.accepted is None


def test_tests_without_a_runner_are_no_pass(project: Project, judge: Judge) -> None:
    shutil.rmtree(project.root / "tests")
    project.write("web/cart.js", "export const cart = 1;\n")
    project.write("web/cart.test.js", "import { cart } from './cart';\n")
    project.commit()
    project.write("web/cart.js", "export const cart = 2;\n")
    edited = deed(ActionKind.EDIT, "sed", 0, "web/cart.js")
    assert judge(done=[edited, RAN]).reason is Reason.NO_RUNNER


def test_a_runner_that_is_missing_is_no_pass_and_no_fault_of_the_change(
    project: Project, judge: Judge
) -> None:
    shim = project.root / ".venv" / "bin" / "python"
    shim.write_text("#!/bin/sh\necho No module named pytest; exit 1\n")
    project.write(PRICE, RIGHT)
    judged = judge(done=[EDITED, RAN])
    assert judged.reason is Reason.RUNNER_FAILED
    assert judged.accepted is None


def test_a_reproduction_must_succeed_after_the_last_edit(
    project: Project, judge: Judge
) -> None:
    fails = deed(ActionKind.RUN, "python try.py", 1)
    project.write(PRICE, RIGHT)
    judged = judge(done=[fails, EDITED, fails])
    assert judged.reason is Reason.REPRODUCTION_FAILS
    assert "python try.py" in judged.evidence
    assert judge(done=[fails, EDITED, RAN]).reason is Reason.PASSED


def test_a_change_that_breaks_the_collection_of_tests_is_rejected(
    project: Project, judge: Judge
) -> None:
    project.write(PRICE, "def totals(prices):\n    return sum(prices)\n")
    judged = judge()
    assert judged.reason is Reason.TESTS_FAIL
    assert "cannot import name 'total'" in judged.evidence


def test_a_change_after_which_no_test_can_be_run_is_rejected(
    project: Project, judge: Judge
) -> None:
    project.write("tests/conftest.py", "import shop.price\n")
    project.commit()
    project.write(PRICE, "def total(prices:\n")
    judged = judge()
    assert judged.reason is Reason.TESTS_FAIL
    assert judged.failing or "cannot be run" in judged.evidence


def test_nothing_changed_is_no_pass(project: Project, judge: Judge) -> None:
    project.write(".venv/note", "ignored files are no change\n")
    assert judge().reason is Reason.NO_CHANGE


def test_deleting_a_test_is_no_way_to_pass_it(project: Project, judge: Judge) -> None:
    project.write(PRICE, WRONG)
    (project.root / "tests" / "test_receipt.py").unlink()
    judged = judge()
    assert judged.reason is Reason.TESTS_DELETED
    assert "tests/test_receipt.py" in judged.evidence


def test_a_test_file_may_move(project: Project, judge: Judge) -> None:
    project.write(PRICE, RIGHT)
    project.git("mv", "tests/test_receipt.py", "tests/test_bill.py")
    assert judge().reason is Reason.NOT_SHOWN


def test_what_the_agent_commits_is_a_change_too(project: Project) -> None:
    base = Repository.of(project.root).snapshot()
    project.write(PRICE, WRONG)
    project.commit()
    verifier = Verifier(project.root, VerifySettings())
    assert verifier.judge(base, [], "").reason is Reason.OLD_TESTS_FAIL


def test_an_agent_gets_no_more_than_the_last_lines(
    project: Project, judge: Judge
) -> None:
    noise = "print('x' * 100_000)"
    project.write(PRICE, f"def total(prices):\n    {noise}\n    raise KeyError(7)\n")
    judged = judge(evidence_chars=300)
    assert "KeyError: 7" in judged.evidence
    assert len(judged.evidence) < 600


def test_a_directory_without_git_cannot_be_judged(tmp_path: Path) -> None:
    verifier = Verifier(tmp_path, VerifySettings())
    assert verifier.judge("0" * 40, [], "").reason is Reason.NO_GIT


def test_a_workspace_may_be_a_part_of_a_repository(project: Project) -> None:
    base = Repository.of(project.root).snapshot()
    project.write("README.md", "Outside of the workspace.\n")
    verifier = Verifier(project.root / "shop", VerifySettings())
    assert verifier.judge(base, [], "").reason is Reason.NO_CHANGE
