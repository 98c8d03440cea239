"""What a rule of your own is made of; see docs/decisions.md.

``standard_rules()`` is the list that routers decide by; ``router.with_rules`` takes
another one. A rule is a function from a ``Draft`` of the decision to the next one.
"""

from openhands_tiered_router.policy.decision import Reason
from openhands_tiered_router.policy.engine import Draft, Rule
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.policy.rules import pins, standard_rules


__all__ = ["Draft", "Purpose", "Reason", "Rule", "pins", "standard_rules"]
