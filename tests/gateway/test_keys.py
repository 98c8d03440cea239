"""Clients with keys of their own, on a gateway of two workers that may die."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.calls.state.store import MemoryStore
from openhands_tiered_router.gateway.clients import Client, Clients, KeyProblem
from openhands_tiered_router.loopback.faults import HttpError
from openhands_tiered_router.loopback.scripts import fixed
from tests.gateway.conftest import KEY, MODELS, STARTING, Gateway, started
from tests.waiting import wait_until


pytestmark = [pytest.mark.xdist_group("gateway-keys"), STARTING]

OPERATORS_LIMIT = '[[budgets]]\nname = "talk"\nusd = 0.5\n'


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    return Clients(SqliteStore(tmp_path / "state.sqlite3"))


def test_a_key_is_known_until_it_is_revoked(tmp_path: Path) -> None:
    now = [0.0]
    store = SqliteStore(tmp_path / "state.sqlite3")
    here, there = Clients(store), Clients(store, lambda: now[0])
    key = here.add(Client(name="alice", usd=1.0))
    assert there.find(key) == Client(name="alice", usd=1.0)
    assert there.find(key + "x") is None
    assert there.find("") is None
    here.limit("alice", {"usd_day": 2.0})
    here.revoke("alice")
    assert there.find(key) is not None  # for two seconds
    now[0] = 2.0
    assert there.find(key) is None


def test_a_new_key_is_known_at_once(tmp_path: Path) -> None:
    store, now = SqliteStore(tmp_path / "state.sqlite3"), [0.0]
    here, there = Clients(store), Clients(store, lambda: now[0])
    first = here.add(Client(name="alice"))
    assert there.find(first) is not None
    second = here.add(Client(name="bob"))
    now[0] += 0.1
    assert there.find(second) is not None


def test_wrong_keys_cost_ten_reads_a_second(tmp_path: Path) -> None:
    store, now, reads = SqliteStore(tmp_path / "state.sqlite3"), [0.0], []
    read = store.read
    store.read = lambda key: reads.append(key) or read(key)
    clients = Clients(store, lambda: now[0])
    for step in range(100):
        now[0] = step / 100
        assert clients.find(f"sk-tr-{step}") is None
    assert 9 <= len(reads) <= 11


def test_no_key_is_stored(clients: Clients, tmp_path: Path) -> None:
    key = clients.add(Client(name="alice"))
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"alice" in held
    assert key.encode() not in held
    assert key[6:].encode() not in held


def test_what_cannot_be_is_said(clients: Clients) -> None:
    clients.add(Client(name="alice"))
    for name in ("alice", "a/b", "", "x" * 41, "\x1b[31m", "ä"):
        with pytest.raises(KeyProblem):
            clients.add(Client(name=name))
    for change in (clients.revoke, lambda name: clients.limit(name, {"usd": 1.0})):
        with pytest.raises(KeyProblem, match="no key is called bob"):
            change("bob")


def test_keys_in_memory_help_nobody() -> None:
    with pytest.raises(KeyProblem, match="state that processes share"):
        Clients(MemoryStore()).add(Client(name="alice"))


@pytest.mark.parametrize("stored", [{}, {"version": 9, "keys": {}}, {"keys": []}])
def test_a_table_of_another_schema_lets_nobody_in(stored: dict[str, Any]) -> None:
    store = MemoryStore()
    store.apply("gateway:keys", lambda _: (stored, None))
    assert Clients(store).find("sk-tr-x") is None


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home = tmp_path_factory.mktemp("keys")
    shared = f'[state]\nbackend = "sqlite"\npath = "{home / "state.sqlite3"}"\n'
    config = OPERATORS_LIMIT + shared
    with started(home, "--workers", "2", config=config) as running:
        running.provider.script = fixed("Hello.")
        yield running


def keys(gateway: Gateway, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "openhands_tiered_router", "keys", *arguments]
        + ["--config", str(gateway.config)],
        capture_output=True,
        text=True,
        check=False,
    )


def made(gateway: Gateway, name: str, *limits: str) -> str:
    done = keys(gateway, "add", name, *limits, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["key"]


def ask(
    gateway: Gateway,
    key: str,
    session: str = "s",
    model: str = "complexity-router",
    **more: Any,
) -> httpx.Response:
    return httpx.post(
        f"{gateway.address}/v1/chat/completions",
        headers={"authorization": f"Bearer {key}", "x-litellm-session-id": session},
        json={"model": model, "messages": [{"role": "user", "content": "Hi."}], **more},
        timeout=120,
    )


def sessions(gateway: Gateway) -> set[str]:
    with (
        contextlib.suppress(sqlite3.OperationalError),  # not begun yet
        sqlite3.connect(gateway.telemetry) as connection,
    ):
        return {name for (name,) in connection.execute("SELECT id FROM conversations")}
    return set()


def test_clients_do_not_share_sessions(gateway: Gateway) -> None:
    alice, bob = made(gateway, "alice"), made(gateway, "bob")
    for key in (alice, bob, KEY):
        assert ask(gateway, key, "same").status_code == 200
    wait_until(lambda: {"alice/same", "bob/same", "same"} <= sessions(gateway))
    assert ask(gateway, alice[:-1]).status_code == 401
    metrics = {"authorization": f"Bearer {alice}"}
    assert httpx.get(f"{gateway.address}/metrics", headers=metrics).status_code == 403


def test_nobody_continues_anothers_answer(gateway: Gateway) -> None:
    """Whichever worker is asked: a new connection reaches either."""

    def respond(key: str, **more: Any) -> httpx.Response:
        return httpx.post(
            f"{gateway.address}/v1/responses",
            headers={"authorization": f"Bearer {key}"},
            json={"model": "complexity-router", "input": "Hi.", **more},
            timeout=120,
        )

    alice, bob = made(gateway, "alice-2"), made(gateway, "bob-2")
    first = respond(alice).json()["id"]
    for _ in range(8):
        assert respond(alice, previous_response_id=first).status_code == 200
        assert respond(bob, previous_response_id=first).status_code == 404
    assert respond(alice, previous_response_id="resp_x").status_code == 404
    assert respond(KEY, previous_response_id=first).status_code == 404


def test_half_sent_requests_hold_up_nobody(gateway: Gateway) -> None:
    """Half a head, and half a body, two hundred times each."""
    port = int(gateway.address.rpartition(":")[2])
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    body = b"Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
    with contextlib.ExitStack() as slow:
        for sent in (head, head + body) * 200:
            client = socket.create_connection(("127.0.0.1", port), timeout=60)
            slow.enter_context(client).sendall(sent)
        for _ in range(4):
            assert ask(gateway, KEY).status_code == 200


def used_today(gateway: Gateway, name: str) -> float:
    """USD that the client has spent today; a greeting costs less than is printed."""
    rows = json.loads(keys(gateway, "list", "--json").stdout)
    return next(row["day"]["used"] for row in rows if row["name"] == name)


def test_a_client_spends_what_it_may(gateway: Gateway) -> None:
    carol = made(gateway, "carol", "--usd-day", "0.000001")
    refused = ask(gateway, carol)
    assert refused.status_code == 429
    assert "tiered-router keys limit carol" in refused.text
    assert keys(gateway, "limit", "carol", "--usd-day", "5").returncode == 0
    wait_until(lambda: ask(gateway, carol).status_code == 200)
    wait_until(lambda: used_today(gateway, "carol") > 0)
    assert keys(gateway, "revoke", "carol").returncode == 0
    wait_until(lambda: ask(gateway, carol).status_code == 401)


@pytest.mark.parametrize(
    "model",
    [
        *("openai/gpt-4o", "anthropic/claude-opus-4-5", "gpt-4o", "", "*"),
        *("complexity-router,openai/gpt-4o", "complexity-routers", "openai/*"),
    ],
)
def test_9_a_deployments_own_string_is_no_model(gateway: Gateway, model: str) -> None:
    before = len(gateway.provider.requests)
    assert ask(gateway, KEY, model=model).status_code == 400
    assert len(gateway.provider.requests) == before


def test_9_nor_is_one_in_another_field(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the router's own models refuse."""
    before = len(gateway.provider.requests)
    refusal = HttpError(status=400, message="No.")
    monkeypatch.setattr(gateway.provider, "script", lambda _: refusal)
    for field in ("fallbacks", "context_window_fallbacks", "models"):
        more: dict[str, Any] = {field: ["openai/gpt-4.1"]}
        assert ask(gateway, KEY, **more).status_code >= 400
    asked = {request.model for request in gateway.provider.requests[before:]}
    own = {model.partition("/")[2] for model in MODELS.values()}
    assert asked
    assert asked <= own


def workers(gateway: Gateway) -> set[int]:
    """The children of the process that imports, which is a child of the first one."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    first = gateway.process.pid
    return {pid for pid, above in parents.items() if parents.get(above) == first}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_killed_worker_is_replaced_without_its_imports(gateway: Gateway) -> None:
    """And the other one serves meanwhile."""
    wait_until(lambda: len(workers(gateway)) == 2)
    killed = min(workers(gateway))

    def timed(number: int) -> tuple[float, int]:
        began = time.monotonic()
        try:
            status = ask(gateway, KEY, f"k{number}").status_code
        except httpx.TransportError:
            status = 0
        return time.monotonic() - began, status

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(timed, range(12))
        os.kill(killed, signal.SIGKILL)
        began = time.monotonic()
        wait_until(lambda: len(workers(gateway) - {killed}) == 2)
        print(f"replaced within {time.monotonic() - began:.1f} s")
        each = list(answers)
    print("slowest call:", max(each))
    assert [status for _, status in each].count(200) >= 8
    assert all(timed(number)[1] == 200 for number in range(6))
