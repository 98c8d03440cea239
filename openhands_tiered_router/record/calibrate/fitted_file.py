"""Writing the file that ``[policy] fitted`` names, version by version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openhands_tiered_router.policy.fitted import (
    FORMAT,
    FittedError,
    fitted_of,
    load_fitted,
)
from openhands_tiered_router.record.calibrate.profile import write_profile


def write_part(
    path: Path, part: str, content: Mapping[str, Any], evidence: Mapping[str, Any]
) -> int:
    """Puts a part into the file and keeps the version before beside it.

    Args:
        path: The file; made when missing.
        part: ``task``, ``next_turn`` or ``policy``.
        content: What was fitted.
        evidence: Samples, intervals, held-out figures.

    Returns:
        The new version's number.

    Raises:
        FittedError: What is there, or what would be, cannot be used; nothing was
            written.
    """
    old: dict[str, Any] = {"fitted": FORMAT, "version": 0}
    if path.exists():
        load_fitted(path)
        old = json.loads(path.read_text("utf-8"))
    version = old["version"] + 1
    shown = {**evidence, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    new = {
        **old,
        "version": version,
        part: content,
        "evidence": {**old.get("evidence", {}), part: shown},
    }
    fitted_of(new, str(path))
    if path.exists():
        write_profile(_version(path, old["version"]), old)
    write_profile(path, new)
    return version


def undo(path: Path) -> int:
    """Goes back to the version before; the one left is kept too.

    Returns:
        The number of the version that is in force now.

    Raises:
        FittedError: There is none, or it cannot be used; nothing was changed.
    """
    current = load_fitted(path).version
    before = _version(path, current - 1)
    if not before.exists():
        raise FittedError(
            f"{before}: the version before {current} is not there; to use the "
            "package's own models remove the key fitted from the configuration"
        )
    load_fitted(before)
    content = json.loads(before.read_text("utf-8"))
    write_profile(_version(path, current), json.loads(path.read_text("utf-8")))
    write_profile(path, content)
    return current - 1


def _version(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.v{number}{path.suffix}")
