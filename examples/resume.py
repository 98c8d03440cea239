"""Stop a routed conversation and go on with it, as another process would.

    python examples/resume.py [WORKSPACE]

The usage ids of a router are the same in each process, so the costs go on too.
"""

import sys
import tempfile
from uuid import uuid4

from openhands_tiered_router import ComplexityRouter, routed_conversation


workspace = sys.argv[1] if len(sys.argv) > 1 else "."
kept = tempfile.mkdtemp(prefix="conversations-")
conversation_id = uuid4()

for message in ("List the files here.", "Which of them is the largest?"):
    router = ComplexityRouter.from_config()
    conversation = routed_conversation(
        router,
        workspace,
        persistence_dir=kept,
        conversation_id=conversation_id,
        delete_on_close=False,
    )
    conversation.send_message(message)
    conversation.run()
    cost = conversation.conversation_stats.get_combined_metrics().accumulated_cost
    print(f"after {message!r}: ${cost:.4f}")
    conversation.close()
