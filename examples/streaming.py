"""See the tokens as they come, and after how long the first one came.

python examples/streaming.py [WORKSPACE]
"""

import sys
from typing import Any

from openhands_tiered_router import ComplexityRouter, routed_conversation


def show(chunk: Any) -> None:
    for choice in getattr(chunk, "choices", None) or ():
        print(getattr(choice.delta, "content", None) or "", end="", flush=True)


# Fields that make sense for every tier are passed on to all of them.
router = ComplexityRouter.from_config().model_copy(update={"stream": True})
conversation = routed_conversation(
    router,
    sys.argv[1] if len(sys.argv) > 1 else ".",
    token_callbacks=[show],
    visualizer=None,
)
conversation.send_message("Say in two sentences what this project is.")
conversation.run()
for call in router.calls(conversation.id):
    first = call.outcome.first_token_seconds
    shown = "no text" if first is None else f"first token after {first:.2f} s"
    print(f"\nturn {call.turn}: {call.tier}, {shown}", end="")
print()
conversation.close()
