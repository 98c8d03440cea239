"""What is kept here for a sandbox."""

from __future__ import annotations

from pathlib import Path
from stat import S_IMODE
from threading import Barrier, Thread

from openhands_tiered_router.resolver.sandbox.opening import _key


def test_a_conversation_has_one_key_whoever_asks_first(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    start, keys = Barrier(8), []

    def ask() -> None:
        start.wait()
        keys.append(_key(directory))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert {len(key) for key in keys} == {43}
    assert set(keys) == {_key(directory)}
    [file] = directory.iterdir()  # nothing else is left
    assert S_IMODE(file.stat().st_mode) == 0o600
