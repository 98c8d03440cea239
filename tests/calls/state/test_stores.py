"""What every backend does alike, and what each does when its place is gone."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.calls.settings import StateSettings
from openhands_tiered_router.calls.state.degrading import DegradingStore
from openhands_tiered_router.calls.state.redis import PREFIX, RedisStore, _client
from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.calls.state.store import (
    SWEEP_AT,
    Change,
    MemoryStore,
    StateStore,
    StateUnavailable,
    Value,
)
from openhands_tiered_router.calls.state.stores import durable_store_for, store_for
from tests.calls.state.conftest import RedisServer
from tests.waiting import wait_until


def add(value: Value | None) -> tuple[Value, int]:
    count = (value or {}).get("n", 0) + 1
    return {"n": count}, count


def test_a_change_sees_the_one_before_and_returns_its_result(store: StateStore) -> None:
    assert store.read("a") is None
    assert [store.apply("a", add) for _ in range(3)] == [1, 2, 3]
    assert store.apply("b", add) == 1
    assert store.read("a") == {"n": 3}


def test_none_removes_a_key(store: StateStore) -> None:
    store.apply("a", add)
    assert store.apply("a", lambda value: (None, value)) == {"n": 1}
    assert store.apply("a", lambda value: (None, value)) is None
    assert store.read("a") is None


def test_a_value_is_gone_after_its_time(store: StateStore) -> None:
    store.apply("a", add, ttl=0.05)
    store.apply("b", add)
    wait_until(lambda: store.read("a") is None)
    assert store.apply("a", add) == 1
    assert store.read("b") == {"n": 1}


def test_a_change_that_raises_changes_nothing(store: StateStore) -> None:
    store.apply("a", add)
    with pytest.raises(ZeroDivisionError):
        store.apply("a", lambda _: ({"n": 0}, 1 // 0))
    assert store.apply("a", add) == 2


def test_sixteen_threads_lose_no_change(store: StateStore) -> None:
    def work() -> None:
        for _ in range(25):
            store.apply("a", add)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read("a") == {"n": 400}


def test_memory_forgets_expired_keys_as_others_come() -> None:
    now = 0.0
    store = MemoryStore(clock=lambda: now)
    for n in range(SWEEP_AT - 1):
        store.apply(str(n), add, ttl=1.0)
    now = 2.0
    store.apply("kept", add)
    assert list(store._values) == ["kept"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_can_go_on(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.sqlite3")
    store.apply("a", add)
    store._lock.acquire()  # as if another thread were inside at the fork
    child = multiprocessing.get_context("fork").Process(target=_in_child, args=[store])
    child.start()
    child.join(20)
    store._lock.release()
    assert child.exitcode == 0
    assert store.apply("a", add) == 3


def _in_child(store: SqliteStore) -> None:
    store.after_fork()
    store.apply("a", add)


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnavailable, match=r"file/state.sqlite3.*\[state\] path"):
        SqliteStore(tmp_path / "file" / "state.sqlite3").apply("a", add)


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    path.write_text("my diary, long enough not to be taken for an empty file" * 20)
    before = path.read_bytes()
    store = DegradingStore(SqliteStore(path))
    assert [store.apply("a", add) for _ in range(2)] == [1, 2]
    assert path.read_bytes() == before


@pytest.mark.parametrize("url", ["", "http://:geheim@x", "redis://:geheim@[::1"])
def test_a_bad_url_is_told_without_the_password(url: str) -> None:
    with pytest.raises(StateUnavailable) as raised:
        RedisStore(url).apply("a", add)
    assert "url_env" in str(raised.value)
    assert "geheim" not in str(raised.value)


def test_redis_may_go_away_and_come_back(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    store = DegradingStore(RedisStore(redis_server.url), clock=lambda: now)
    told: list[bool] = []
    store.listeners["test"] = lambda away, _: told.append(away)
    other = RedisStore(redis_server.url)
    assert store.apply("a", add) == 1
    redis_server.stop()
    with caplog.at_level(logging.WARNING):
        assert [store.apply("a", add) for _ in range(3)] == [2, 3, 4]
        assert store.read("a") == {"n": 4}
    assert store.away
    redis_server.start()  # empty: as after a restart without persistence
    assert [other.apply("a", add) for _ in range(10)][-1] == 10
    assert store.apply("a", add) == 5  # not asked yet: still alone
    now = 60.0
    assert store.apply("a", add) == 15  # theirs, the four made here, and this one
    assert not store.away
    assert told == [True, False]
    assert len(caplog.records) == 2  # gone, and back
    assert "geheim" not in caplog.text


def test_a_value_that_is_not_ours_is_told(redis_server: RedisServer) -> None:
    _client(redis_server.url).set(f"{PREFIX}a", b"not JSON")
    store = RedisStore(redis_server.url)
    with pytest.raises(StateUnavailable, match="DecodeError"):
        store.read("a")
    assert DegradingStore(store).apply("a", add) == 1


def test_a_change_that_cannot_be_made_later_is_lost_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Away(MemoryStore):
        there = False

        def apply(self, key: str, change: Change, *, ttl: float | None = None) -> Any:
            if not self.there:
                raise StateUnavailable("away")
            return super().apply(key, change, ttl=ttl)

    shared, now = Away(), 0.0
    store = DegradingStore(shared, clock=lambda: now)
    assert [store.apply(key, add) for key in "abc"] == [1, 1, 1]
    shared.there, now = True, 60.0
    shared.apply("b", lambda _: ({"n": "of another release"}, None))
    assert store.apply("c", add) == 2
    assert not store.away
    assert shared.read("a") == {"n": 1}
    assert "TypeError" in caplog.text


def test_reads_and_changes_go_on_from_what_was_last_seen(
    redis_server: RedisServer,
) -> None:
    RedisStore(redis_server.url).apply("a", lambda _: ({"n": 7}, None))
    store = DegradingStore(RedisStore(redis_server.url))
    assert store.read("a") == {"n": 7}
    redis_server.stop()
    assert store.read("a") == {"n": 7}
    assert store.apply("a", add) == 8


def test_one_store_for_one_place(tmp_path: Path) -> None:
    plain = StateSettings()
    assert store_for(plain) is store_for(StateSettings())
    assert store_for(plain).local
    durable = durable_store_for(plain)
    assert not durable.local
    assert durable is store_for(StateSettings(backend="sqlite"))
    assert durable_store_for(StateSettings(backend="memory")).local


def test_a_home_that_is_nobodys_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = StateSettings(backend="sqlite", path="~nobody-of-that-name/s.sqlite3")
    assert store_for(settings).apply("a", add) == 1
    monkeypatch.setenv("TIERED_ROUTER_STATE", "~nobody-of-that-name/t.sqlite3")
    assert durable_store_for(StateSettings()).apply("a", add) == 1
