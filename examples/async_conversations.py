"""Three routed conversations on one event loop.

    python examples/async_conversations.py [WORKSPACE]

Each has a router of its own, since a router keeps one conversation's books; what is
worth sharing (which endpoints are well, for one) they share behind it.
"""

import asyncio
import sys

from openhands_tiered_router import ComplexityRouter, routed_conversation


async def ask(workspace: str, question: str) -> None:
    router = ComplexityRouter.from_config()
    conversation = routed_conversation(router, workspace, visualizer=None)
    conversation.send_message(question)
    await conversation.arun()
    tiers = [str(call.tier) for call in router.calls(conversation.id)]
    cost = conversation.conversation_stats.get_combined_metrics().accumulated_cost
    print(f"{question} {' '.join(tiers)} ${cost:.4f}")
    conversation.close()


async def main() -> None:
    workspace = sys.argv[1] if len(sys.argv) > 1 else "."
    questions = ("What is here?", "Which tests are there?", "What does it depend on?")
    await asyncio.gather(*(ask(workspace, question) for question in questions))


asyncio.run(main())
