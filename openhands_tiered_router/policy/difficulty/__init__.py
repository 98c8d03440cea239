"""How much a call needs: task complexity, next turn, risk, escalation."""
