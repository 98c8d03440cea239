"""Budgets: what may be spent, what was, and what happens at the limits."""
