from __future__ import annotations

from pathlib import Path

from openhands_tiered_router.cli.demo.workspace import (
    SuiteResult,
    copy_project,
    run_tests,
)


def test_the_project_is_copied_without_leftovers(tmp_path: Path) -> None:
    root = copy_project(tmp_path)
    assert (root / "shop" / "cart.py").is_file()
    assert not list(root.rglob("__pycache__"))


def test_its_tests_fail_as_bundled(tmp_path: Path) -> None:
    root = copy_project(tmp_path)
    assert run_tests(root) == SuiteResult(passed=False, ran=3)
    assert not list(root.rglob("__pycache__"))


def test_its_tests_pass_once_it_is_fixed(tmp_path: Path) -> None:
    root = copy_project(tmp_path)
    cart = root / "shop" / "cart.py"
    before, _ = cart.read_text().split("        return sum(")
    cart.write_text(
        before
        + "        full = sum(price_of(n) * c for n, c in self.items.items())\n"
        + "        return discounted(full, self.discount_percent)\n"
    )
    assert run_tests(root) == SuiteResult(passed=True, ran=3)


def test_no_tests_at_all_do_not_count_as_passed(tmp_path: Path) -> None:
    assert run_tests(tmp_path) == SuiteResult(passed=False, ran=0)
