"""What is left of a budget, as a report shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLeft:
    """One limit of a budget, as configured."""

    scope: str
    name: str
    unit: str
    """``usd``, ``tokens``, ``turns`` or ``seconds``."""
    limit: float
    used: float
    """Spent, or reserved for calls under way; now, not in the report's time."""

    @property
    def left(self) -> float:
        """Share of the limit that is neither; 0 if it was passed."""
        return max(1.0 - self.used / self.limit, 0.0) if self.limit else 0.0
