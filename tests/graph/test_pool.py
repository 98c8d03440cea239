"""Processes give what doing it in this one gives, to the last edge."""

import os
import signal

import pytest

from openhands_tiered_router.graph import pool, refresh
from openhands_tiered_router.graph.model import FileFacts
from openhands_tiered_router.graph.pool import Pool, worker_count
from openhands_tiered_router.graph.refresh import Refresher
from openhands_tiered_router.graph.scan import Found, scan
from openhands_tiered_router.graph.worker import Link, Read, reply_to


@pytest.fixture
def tree(tmp_path):
    for number in range(60):
        path = tmp_path / f"m{number}.py"
        other = (number * 7 + 1) % 60
        path.write_text(
            f"from m{other} import f{other}\n"
            f"def f{number}():\n    return f{other}() or g({number})\n"
        )
    (tmp_path / "bin.py").write_bytes(b"\0")
    return tmp_path


def read_all(tree, files, count):
    with Pool(tree, count) as processes:
        return {reply.path: reply for reply in processes.read(files)}


def state(tree, count):
    graph = Refresher(tree, persistent=False, workers=count).start().graph
    assert graph.pending == 0
    return graph.files, graph.links, graph.records


def dies_of(monkeypatch, kind, path):
    """Have the worker die of every request of a kind that holds a file."""
    real = pool._Worker.ask

    def ask(self, request, decoder):
        if isinstance(request, kind) and path.encode() in pool.encode(request):
            self._process = self._process or pool._start(self._root)
            os.kill(self._process.pid, signal.SIGKILL)
        return real(self, request, decoder)

    monkeypatch.setattr(pool._Worker, "ask", ask)


def test_processes_and_none_agree(tree):
    files = list(scan(tree).files.values())
    alone = read_all(tree, files, 0)
    assert read_all(tree, files, 2) == alone
    assert alone["bin.py"].reason == "binary"


def test_the_graph_is_the_same_with_and_without_processes(tree):
    alone = state(tree, 0)
    assert sum(map(len, alone[1].values())) == 60
    assert state(tree, 3) == alone


def test_facts_that_go_to_disk_as_they_were_sent_are_the_same(
    tree, tmp_path_factory, monkeypatch
):
    started = []
    real = pool._start
    monkeypatch.setattr(pool, "_start", lambda root: started.append(root) or real(root))
    alone = Refresher(tree, persistent=False, workers=0).start().graph
    monkeypatch.setattr(refresh, "LARGE", 0)
    cache = tmp_path_factory.mktemp("cache") / "graph.sqlite"
    disk = Refresher(tree, cache=cache, workers=2).start().graph
    assert (disk.files, disk.links) == (alone.files, alone.links)
    assert {path: disk.records[path] for path in disk.files} == alone.records
    assert len(started) == 2  # one that cannot read a message is started again


def test_a_worker_that_dies_costs_only_the_file_that_kills_it(tree, monkeypatch):
    dies_of(monkeypatch, Read, "m7.py")
    files = list(scan(tree).files.values())
    replies = read_all(tree, files, 1)
    assert replies.keys() == {found.path for found in files}
    assert replies["m8.py"] == reply_to(tree, "m8.py")
    killer = replies["m7.py"].facts
    assert isinstance(killer, FileFacts)
    assert killer.definitions == ()


def test_a_file_that_linking_dies_of_is_linked_here(tree, monkeypatch):
    alone = state(tree, 0)
    dies_of(monkeypatch, Link, "m7.py")
    assert state(tree, 2) == alone


def test_small_workspaces_need_no_process():
    assert worker_count(1_000) == 0


def test_the_working_directory_is_never_imported_from(tree, monkeypatch):
    (tree / "msgspec.py").write_text(
        "raise SystemExit('imported from the workspace')\n"
    )
    monkeypatch.chdir(tree)
    found = read_all(tree, [Found("m1.py", 1, 0)], 1)["m1.py"].facts
    assert isinstance(found, FileFacts)
    assert found.definitions[0].name == "f1"
