"""A rule of your own: whoever asks for a plan gets the strongest tier for it.

    python examples/custom_rule.py [WORKSPACE]

A rule takes a draft of the decision and returns the next one, with a reason. It goes
into one list with the others; here before `pins`, so that a user's pin still wins.
"""

import sys
from dataclasses import replace

from openhands_tiered_router import ComplexityRouter, Tier, routed_conversation
from openhands_tiered_router.rules import Draft, pins, standard_rules


def plans_need_the_best(draft: Draft) -> Draft:
    if draft.session.turns or "plan" not in draft.session.request.lower().split():
        return draft
    floor = Tier.REASONING
    return replace(draft, floor=floor).because("plans", "the user wants a plan")


rules = standard_rules()
position = rules.index(pins)
router = ComplexityRouter.from_config().with_rules(
    (*rules[:position], plans_need_the_best, *rules[position:])
)
conversation = routed_conversation(router, sys.argv[1] if len(sys.argv) > 1 else ".")
conversation.send_message("Make a plan for adding a changelog, then stop.")
conversation.run()
for call in router.calls(conversation.id):
    print(call.turn + 1, call.tier, [reason.text for reason in call.decision.reasons])
conversation.close()
