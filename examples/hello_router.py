"""The least that a routed agent needs.

    python examples/hello_router.py [WORKSPACE]

Reads the configuration as `tiered-router doctor` shows it: `tiered-router init` writes
one.
"""

import sys

from openhands_tiered_router import ComplexityRouter
from openhands.sdk import Agent, Conversation, Tool
from openhands.tools.file_editor import FileEditorTool
from openhands.tools.terminal import TerminalTool


router = ComplexityRouter.from_config()
agent = Agent(
    llm=router,
    tools=[Tool(name=TerminalTool.name), Tool(name=FileEditorTool.name)],
)
conversation = Conversation(
    agent=agent,
    workspace=sys.argv[1] if len(sys.argv) > 1 else ".",
    callbacks=router.callbacks(),
)
conversation.send_message("List the files here and tell what this project is.")
conversation.run()

for call in router.calls(conversation.id):
    reason = call.decision.reasons[-1].text if call.decision.reasons else ""
    print(f"turn {call.turn}: {call.tier}, ${call.outcome.cost or 0:.4f} ({reason})")
print(f"${conversation.conversation_stats.get_combined_metrics().accumulated_cost:.4f}")
conversation.close()
