"""Guards beside a plain `LLM`: no router, only what keeps an agent from doing harm.

    python examples/guards_alone.py [WORKSPACE]

The model is the one of the `complex` tier of your configuration, alone; any other `LLM`
of the SDK will do.
"""

import os
import sys

from openhands_tiered_router import VerifiedAgent
from openhands_tiered_router.config import build_llms, open_config
from openhands_tiered_router.guards import (
    BudgetGuard,
    ConfirmationQueue,
    ConfirmSettings,
    LoopGuard,
    LoopSettings,
    pause_reasons,
)
from openhands.sdk import Conversation, Tool
from openhands.tools.terminal import TerminalTool


llm = build_llms(open_config(), os.environ)["complex"]
conversation = Conversation(
    # An agent whose work is verified before it may end; `Agent` does without.
    agent=VerifiedAgent(llm=llm, tools=[Tool(name=TerminalTool.name)]),
    workspace=sys.argv[1] if len(sys.argv) > 1 else ".",
    callbacks=[
        ConfirmationQueue(ConfirmSettings(enabled=True)),
        BudgetGuard(usd=0.50),
        LoopGuard(LoopSettings(failures=5)),
    ],
)
conversation.send_message("List the files here and tell what this project is.")
conversation.run()

for reason in pause_reasons(conversation.state):
    print(f"paused by the guard {reason.guard}: {reason.reason}")
cost = conversation.conversation_stats.get_combined_metrics().accumulated_cost
print(f"{conversation.state.execution_status.value}, ${cost:.4f}")
conversation.close()
