"""A routed agent on an OpenHands agent-server; needs the extra `server`.

    python examples/agent_server.py [WORKSPACE]

Starts a server on this machine, sends it a conversation as any client would, and reads
what it cost. docs/agent-server.md has the other way, and what to mind.
"""

import socket
import subprocess
import sys
import time

import httpx
from openhands_tiered_router import ComplexityRouter, routed_agent
from openhands.sdk import RemoteConversation, RemoteWorkspace


workspace = sys.argv[1] if len(sys.argv) > 1 else "."
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = str(probe.getsockname()[1])
modules = "openhands_tiered_router.server.preload"
server = subprocess.Popen(
    [sys.executable, "-m", "openhands.agent_server", "--port", port]
    + ["--import-modules", modules]
)
url = f"http://127.0.0.1:{port}"
try:
    while server.poll() is None:
        try:
            httpx.get(f"{url}/ready").raise_for_status()
            break
        except httpx.HTTPError:
            time.sleep(0.1)
    conversation = RemoteConversation(
        agent=routed_agent(ComplexityRouter.from_config()),
        workspace=RemoteWorkspace(host=url, working_dir=workspace),
        visualizer=None,
    )
    conversation.send_message("List the files here.")
    conversation.run()
    costs = conversation.conversation_stats.usage_to_metrics
    for usage_id, metrics in costs.items():
        print(f"{usage_id}: ${metrics.accumulated_cost:.4f}")
    conversation.close()
finally:
    server.terminate()
    server.wait()
