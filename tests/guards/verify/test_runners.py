"""What runs the tests: other languages, commands of the project's own, time."""

from __future__ import annotations

import os
import subprocess

import pytest

from openhands_tiered_router.guards.verify.judgement import Reason
from tests.guards.verify.conftest import NOTICES, PRICE, Judge, Project


RIGHT = "def total(prices):\n    return sum(prices)\n"


def _runs(*command: str) -> bool:
    """Whether it answers: rustup's cargo is there without a toolchain, too."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
def test_tests_that_do_not_end_are_stopped(project: Project, judge: Judge) -> None:
    project.write(PRICE, "def total(prices):\n    while True: pass\n")
    judged = judge(time_limit=1.5)
    assert judged.reason is Reason.TIME_LIMIT
    assert "1.5 s" in judged.evidence


def test_the_projects_own_checks_must_pass(project: Project, judge: Judge) -> None:
    project.write(PRICE, RIGHT)
    judged = judge(commands=["true", "sh -c 'echo bad style; exit 3'"])
    assert judged.reason is Reason.CHECKS_FAIL
    assert "bad style" in judged.evidence
    assert judge(commands=["true"]).reason is Reason.NOT_SHOWN


def test_a_command_of_its_own_may_run_the_tests(project: Project, judge: Judge) -> None:
    project.write(PRICE, RIGHT)
    assert judge(test_command="true").reason is Reason.NOT_SHOWN
    project.write("tests/test_price.py", NOTICES)
    assert judge(test_command="true").reason is Reason.PASSED
    judged = judge(test_command="no-such-program --all")
    assert judged.reason is Reason.TESTS_FAIL
    assert "FileNotFoundError" in judged.evidence


@pytest.mark.slow
@pytest.mark.skipif(not _runs("cargo", "--version"), reason="cargo does not run")
def test_cargo_runs_the_tests_of_a_crate(project: Project, judge: Judge) -> None:
    project.write(
        "Cargo.toml", '[package]\nname = "price"\nversion = "0.1.0"\nedition = "2021"\n'
    )
    project.write("src/lib.rs", "pub fn total(a: i32, b: i32) -> i32 { a + b }\n")
    project.write(
        "tests/total.rs", "#[test]\nfn adds() { assert_eq!(price::total(1, 2), 3); }\n"
    )
    project.write(".gitignore", "target/\n.venv/\n__pycache__/\n")
    project.commit()
    project.write("src/lib.rs", "pub fn total(a: i32, b: i32) -> i32 { a - b }\n")
    judged = judge()
    assert judged.reason is Reason.OLD_TESTS_FAIL
    assert judged.failing == 1
    project.write("src/lib.rs", "pub fn total(a: i32, b: i32) -> i32 { b + a }\n")
    assert judge().reason is Reason.NOT_SHOWN


@pytest.mark.slow
@pytest.mark.skipif(not _runs("go", "version"), reason="go does not run")
def test_go_runs_the_tests_of_a_module_below_the_workspace(
    project: Project, judge: Judge
) -> None:
    code = "package price\n\nfunc Total(a, b int) int {{ return a {} b }}\n"
    project.write("api/go.mod", "module example.org/api\n\ngo 1.18\n")
    project.write("api/price/price.go", code.format("+"))
    project.write(
        "api/price/price_test.go",
        'package price\n\nimport "testing"\n\n'
        'func TestAdds(t *testing.T) {\n\tif Total(1, 2) != 3 {\n\t\tt.Fatal("no")\n'
        "\t}\n}\n",
    )
    project.commit()
    project.write("api/price/price.go", code.format("-"))
    judged = judge()
    assert (judged.reason, judged.failing) == (Reason.TESTS_FAIL, 1)
    assert "TestAdds" in judged.evidence
    project.write("api/price/price.go", code.format('+ "" +'))
    judged = judge()
    assert judged.reason is Reason.TESTS_FAIL
    assert "example.org/api/price fails" in judged.evidence
    project.write("api/price/price.go", code.format("- -"))
    assert judge().reason is Reason.NOT_SHOWN


JEST = """#!/bin/sh
# Reports as jest does: "adds" fails unless the sum is one, "exists" always passes.
for argument; do
  case $argument in --outputFile=*) report=${argument#*=};; ./*) file=$argument;; esac
done
test -f "$file" || exit 9
if grep -q 'a + b' src/price.js; then adds=passed code=0; else adds=failed code=1; fi
cat > "$report" <<END
{"testResults": [{"name": "$PWD/${file#./}", "status": "$adds", "message": "",
  "assertionResults": [
    {"fullName": "adds", "status": "$adds", "failureMessages": ["Error: not 3"]},
    {"fullName": "exists", "status": "passed", "failureMessages": []}]}]}
END
exit $code
"""


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_a_node_runner_is_the_packages_own_and_runs_before_the_change_too(
    project: Project, judge: Judge
) -> None:
    project.write("web/package.json", '{"devDependencies": {"jest": "30"}}')
    program = project.root / "web" / "node_modules" / ".bin" / "jest"
    project.write("web/node_modules/.bin/jest", JEST)
    program.chmod(0o755)
    project.write(".gitignore", "node_modules\n.venv/\n__pycache__/\n")
    project.write("web/src/price.js", "exports.total = (a, b) => a - b\n")
    project.write("web/src/price.test.js", "require('./price.js')\n")
    project.commit()
    project.write("web/src/price.js", "exports.total = (a, b) => b - a\n")
    judged = judge()
    assert (judged.reason, judged.already_failing) == (Reason.NOT_SHOWN, 1)

    # A package that is a link into the tree would bring the change along.
    (project.root / "web" / "node_modules" / "own").symlink_to("../src")
    judged = judge()
    assert (judged.reason, judged.failing) == (Reason.TESTS_FAIL, 1)
    assert "web/src/price.test.js::adds fails" in judged.evidence
    project.write("web/src/price.js", "exports.total = (a, b) => a + b\n")
    assert judge().reason is Reason.NOT_SHOWN
