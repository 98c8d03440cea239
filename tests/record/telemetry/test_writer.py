"""The writing thread, against real files and the ways in which they fail."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from openhands_tiered_router.record.telemetry.records import Call, Record, replace
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.record.telemetry.writer import Writer


type Make = Callable[[int], Call]
type Ids = Callable[[], list[str]]

PRELUDE = """
import os, sys, time
from pathlib import Path
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.telemetry.records import Call, routed
from openhands_tiered_router.record.telemetry.writer import Writer
from openhands_tiered_router.tiers import Tier

def record(name):
    decision = Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE)
    outcome = Outcome(endpoint="simple", attempts=())
    return routed(
        decision, outcome, decision_id=name, conversation_id="c", time=time.time()
    )

writer = Writer(Path(sys.argv[1]))
"""


def start(script: str, path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, str(path), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended_well(process: subprocess.Popen[str]) -> str:
    """What it wrote to its standard error."""
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return errors


def test_nothing_is_touched_before_the_first_record(path: Path, writer: Writer) -> None:
    threads = threading.active_count()
    assert Writer(path).flush(60)
    assert writer.flush(60)
    assert not path.parent.exists()
    assert threading.active_count() == threads


def test_what_was_put_is_there_after_a_flush(
    writer: Writer, record: Make, ids: Ids
) -> None:
    for n in range(1_200):
        writer.put(record(n))
    assert writer.flush(60)
    assert ids() == [f"d{n}" for n in range(1_200)]
    assert writer.stats().written == 1_200


def test_many_threads_share_a_writer(writer: Writer, record: Make, ids: Ids) -> None:
    def put(start: int) -> None:
        for n in range(start, start + 100):
            writer.put(record(n))

    threads = [threading.Thread(target=put, args=(s,)) for s in range(0, 1_600, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush(60)
    assert len(ids()) == 1_600


def test_a_locked_file_delays_no_put_and_loses_nothing(
    path: Path, writer: Writer, record: Make, ids: Ids
) -> None:
    writer.put(record(0))
    assert writer.flush(60)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        # This thread holds the lock: a put that waited for it would wait for ever.
        for n in range(1, 500):
            writer.put(record(n))
        assert not writer.flush(0.5)
        other.execute("COMMIT")
    assert writer.flush(60)
    assert len(ids()) == 500


def test_a_stalled_disk_fills_the_queue_and_the_file_says_what_was_lost(
    path: Path, record: Make, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled, free = threading.Event(), threading.Event()
    write = Store.write

    def slow(store: Store, batch: Sequence[Record]) -> int:
        stalled.set()
        assert free.wait(60)
        return write(store, batch)

    monkeypatch.setattr(Store, "write", slow)
    writer = Writer(path, queue_size=10)
    writer.put(record(0))
    assert stalled.wait(60)
    for n in range(1, 51):
        writer.put(record(n))
    assert writer.stats().waiting == 10
    assert writer.stats().dropped == 40
    free.set()
    assert writer.flush(60)
    writer.close(30)
    assert ids() == [f"d{n}" for n in range(11)]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT sum(count) FROM losses").fetchone() == (40,)


def test_a_real_disk_that_is_full_is_outlived(
    path: Path, writer: Writer, record: Make, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = True
    connect = sqlite3.connect

    def limited(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        if full:
            # SQLite itself then fails with SQLITE_FULL, as on a full disk.
            connection.execute("PRAGMA max_page_count = 16")
        return connection

    monkeypatch.setattr(sqlite3, "connect", limited)
    for n in range(1_000):
        writer.put(record(n))
    assert not writer.flush(1)
    full = False
    assert writer.flush(60)
    assert len(ids()) == 1_000


@pytest.mark.parametrize("what", ["directory", "file"])
def test_what_is_read_only_is_outlived(what: str) -> None:
    with TemporaryDirectory() as directory:
        process = start(
            """
directory, file = Path(sys.argv[1]).parent, Path(sys.argv[1])
if os.geteuid() == 0:  # root may write anywhere, so be someone else
    os.chown(directory, 65534, 65534)
    os.seteuid(65534)
if sys.argv[2] == "file":
    first = Writer(file)
    first.put(record("d"))
    first.close(30)
    file.chmod(0o400)
else:
    directory.chmod(0o500)
writer.put(record("e"))
assert not writer.flush(0.5)
directory.chmod(0o700)
for part in directory.iterdir():  # SQLite gave the log beside it the same mode
    part.chmod(0o600)
assert writer.flush(60)
assert writer.stats().written == 1
os._exit(0)
""",
            Path(directory, "telemetry.sqlite3"),
            what,
        )
        errors = ended_well(process)
        assert errors.count("telemetry cannot be written") == 1


def test_a_directory_that_cannot_be_made_is_outlived(
    path: Path,
    writer: Writer,
    record: Make,
    ids: Ids,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path.parent.write_text("a file is in the way")
    writer.put(record(1))
    assert not writer.flush(0.5)
    assert len(caplog.messages) == 1
    path.parent.unlink()
    assert writer.flush(60)
    assert ids() == ["d1"]


def test_a_file_that_disappears_is_begun_again(
    path: Path, writer: Writer, record: Make, ids: Ids
) -> None:
    writer.put(record(1))
    assert writer.flush(60)
    shutil.rmtree(path.parent)
    writer.put(record(2))
    assert writer.flush(60)
    assert ids() == ["d2"]


@pytest.mark.parametrize("size", [50, 5_000])
def test_a_corrupt_file_is_left_alone_and_switches_off(
    path: Path,
    writer: Writer,
    record: Make,
    size: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * size)
    writer.put(record(1))
    assert not writer.flush(60)
    assert writer.stats().off
    assert path.read_bytes() == b"x" * size
    (message,) = caplog.messages
    assert "move it away" in message


def test_a_file_that_breaks_while_in_use_switches_off(
    path: Path, writer: Writer, record: Make, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(300):
        writer.put(record(n))
    assert writer.flush(60)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (path.stat().st_size - 4_096))
    for n in range(300, 310):
        writer.put(record(n))
        writer.flush(60)
    assert writer.stats().off
    assert "it is corrupt" in caplog.text


def test_a_value_that_cannot_be_stored_costs_only_its_record(
    writer: Writer, record: Make, ids: Ids, caplog: pytest.LogCaptureFixture
) -> None:
    writer.put(record(1))
    writer.put(replace(record(2), turn=2**70))
    writer.put(replace(record(3), model=b"bytes"))  # pyright: ignore[reportArgumentType]
    writer.put(record(4))
    assert writer.flush(60)
    assert ids() == ["d1", "d4"]
    assert writer.stats().rejected == 2
    assert len(caplog.messages) == 1


def test_a_defect_switches_off_and_says_so(
    record: Make, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(Path("no\0path"))
    writer.put(record(1))
    assert not writer.flush(60)
    writer.close(30)
    assert writer.stats().off
    (message,) = caplog.messages
    assert "telemetry is off" in message


def test_a_closed_writer_takes_no_more(writer: Writer, record: Make, ids: Ids) -> None:
    writer.put(record(1))
    writer.close(30)
    writer.put(record(2))
    assert writer.flush(0)
    assert ids() == ["d1"]
    assert writer.stats().dropped == 1


def test_a_killed_process_loses_nothing_that_was_flushed(path: Path) -> None:
    process = start(
        """
n = 0
while True:
    for n in range(n, n + 50):
        writer.put(record(f"d{n}"))
    assert writer.flush(60)
    print(n, flush=True)
""",
        path,
    )
    assert process.stdout is not None
    flushed = [int(process.stdout.readline()) for _ in range(5)][-1]
    process.kill()
    process.communicate()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ids = {i for (i,) in connection.execute("SELECT id FROM decisions")}
    assert {f"d{n}" for n in range(flushed + 1)} <= ids


def test_the_end_of_the_interpreter_writes_what_waits(path: Path, ids: Ids) -> None:
    script = """
from openhands_tiered_router.record.telemetry import writer as module
module.EXIT_SECONDS = 60.0  # a loaded machine may not write it in two
for n in range(20): writer.put(record(f'd{n}'))
"""
    assert ended_well(start(script, path)) == ""
    assert len(ids()) == 20


def test_the_end_of_the_interpreter_waits_no_longer_than_its_bound(
    path: Path, writer: Writer, record: Make
) -> None:
    writer.put(record(1))
    assert writer.flush(60)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        process = start("writer.put(record('late'))", path)
        # The lock is held until the process has ended: it must give up by itself.
        process.communicate()
        assert process.returncode == 0


def test_eight_processes_write_one_file(path: Path, ids: Ids) -> None:
    script = """
for n in range(200): writer.put(record(f"{sys.argv[2]}-{n}"))
assert writer.flush(90)
"""
    processes = [start(script, path, str(p)) for p in range(8)]
    results = [p.communicate()[1] for p in processes]
    assert results == [""] * 8
    assert set(ids()) == {f"{p}-{n}" for p in range(8) for n in range(200)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_parent_and_child_of_a_fork_each_write_their_own(path: Path, ids: Ids) -> None:
    process = start(
        """
for n in range(50): writer.put(record(f"before-{n}"))
child = os.fork()
for n in range(50): writer.put(record(f"{'parent' if child else 'child'}-{n}"))
assert writer.flush(60)
assert writer.stats().written == (100 if child else 50)
if not child: os._exit(0)
assert os.waitpid(child, 0)[1] == 0
""",
        path,
    )
    ended_well(process)
    parts = ("before", "parent", "child")
    assert set(ids()) == {f"{part}-{n}" for part in parts for n in range(50)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_a_fork_while_the_disk_is_stalled_does_not_hang(path: Path) -> None:
    process = start(
        """
import threading
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.record.telemetry.texts import RawTexts
stalled, free = threading.Event(), threading.Event()
def slow(store, batch):
    stalled.set()
    free.wait(60)
    return 0
Store.write = slow
writer.put(record("d"))
assert stalled.wait(60)
child = os.fork()
if not child:
    writer.put(record("e"))
    assert writer.stats().off and not writer.flush(0)
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
free.set()
assert writer.flush(60)
""",
        path,
    )
    errors = ended_well(process)
    assert "telemetry is off in a forked process" in errors
