"""Reading in processes gives what reading in this one gives."""

import os
import signal

import pytest

from openhands_tiered_router.graph import pool
from openhands_tiered_router.graph.pool import read_all, worker_count
from openhands_tiered_router.graph.scan import Found, scan
from openhands_tiered_router.graph.worker import reply_to


@pytest.fixture
def tree(tmp_path):
    for number in range(40):
        path = tmp_path / f"m{number}.py"
        path.write_text(f"def f{number}():\n    return g({number})\n")
    (tmp_path / "bin.py").write_bytes(b"\0")
    return tmp_path


def test_processes_and_none_agree(tree):
    files = list(scan(tree).files.values())
    alone = {reply.path: reply for reply in read_all(tree, files, 0)}
    together = {reply.path: reply for reply in read_all(tree, files, 2)}
    assert together == alone
    assert alone["bin.py"].reason == "binary"


def test_a_worker_that_dies_costs_only_the_file_that_kills_it(tree, monkeypatch):
    real = pool._Worker.ask

    def ask(self, paths):
        if "m7.py" in paths and self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
        elif "m7.py" in paths:
            return None
        return real(self, paths)

    monkeypatch.setattr(pool._Worker, "ask", ask)
    files = list(scan(tree).files.values())
    replies = {reply.path: reply for reply in read_all(tree, files, 1)}
    assert replies.keys() == {found.path for found in files}
    assert replies["m8.py"] == reply_to(tree, "m8.py")
    assert replies["m7.py"].facts is not None
    assert replies["m7.py"].facts.definitions == ()


def test_small_workspaces_need_no_process():
    assert worker_count([Found("a.py", 1_000, 0)]) == 0


def test_the_working_directory_is_never_imported_from(tree, monkeypatch):
    (tree / "msgspec.py").write_text(
        "raise SystemExit('imported from the workspace')\n"
    )
    monkeypatch.chdir(tree)
    replies = list(read_all(tree, [Found("m1.py", 1, 0)], 1))
    assert replies[0].facts is not None
    assert replies[0].facts.definitions[0].name == "f1"
