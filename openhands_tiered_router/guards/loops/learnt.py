"""How long a model's runs usually are, from the telemetry of finished ones."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence

from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.loops.verdict import Typical


logger = logging.getLogger(__name__)

type TurnsByModel = Callable[[], Mapping[str, Sequence[int]]]


class LearntTurns:
    """Reads the telemetry once, in a thread of its own, when it is first asked."""

    def __init__(self, read: TurnsByModel | None, settings: LoopSettings) -> None:
        """
        Args:
            read: The turns of each finished run, by model. ``None``: there are none.
            settings: From how many runs on they tell something, and what.
        """
        self._read = read
        self._settings = settings
        self._lock = threading.Lock()
        self._begun = False
        self._typical: Mapping[str, Typical] = {}

    def typical(self, model: str | None) -> Typical | None:
        """Of runs that this model serves; ``None``: not known, or not yet."""
        if not self._begun:
            self._begin()
        return self._typical.get(model) if model else None

    def _begin(self) -> None:
        with self._lock:
            begun, self._begun = self._begun, True
        if not begun and self._read is not None:
            # Not a daemon: see ``sdk/graphs.py``.
            threading.Thread(target=self._learn, args=(self._read,)).start()

    def _learn(self, read: TurnsByModel) -> None:
        try:
            self._typical = {
                model: typical
                for model, turns in read().items()
                if (typical := typical_of(turns, self._settings))
            }
        except Exception as error:
            logger.warning(
                "how long runs usually are is not known: %s", type(error).__name__
            )


def typical_of(turns: Sequence[int], settings: LoopSettings) -> Typical | None:
    """The percentile, as the smallest number that the share of them does not exceed.

    ``None``: they are too few to tell.
    """
    if len(turns) < settings.learn_from:
        return None
    share = settings.runaway_percentile
    most = sorted(turns)[math.ceil(share * len(turns)) - 1]
    source = (
        f"{share:.0%} of {len(turns)} finished ones of this model took no more "
        f"than {most} (telemetry)"
    )
    return Typical(most + 1, source)
