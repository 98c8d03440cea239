"""How often an exact cache of answers would have been asked for one that it had.

    python tests/benchmarks/repeated_requests.py SESSIONS...

SESSIONS are JSON Lines files as for ``tiered-router replay``. A request is a hit if an
earlier one, of any session of the file, had exactly the same messages. Prints the hits,
which turns of their sessions they are, and their share of all prompt tokens.
"""

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

from openhands_tiered_router.record.replay.sessions import read_rows


KEYS = ("role", "content", "tool_calls", "tool_call_id")


def main() -> None:
    for path in map(Path, sys.argv[1:]):
        seen: set[str] = set()
        hits: Counter[int] = Counter()
        requests = tokens = saved = 0
        for _, row in read_rows(path):
            digest, turn = hashlib.sha256(), 0
            for message in row["messages"]:
                usage = message.get("usage")
                if message["role"] == "assistant" and usage:
                    requests, key = requests + 1, digest.hexdigest()
                    tokens += usage["prompt_tokens"]
                    if key in seen:
                        hits[turn] += 1
                        saved += usage["prompt_tokens"]
                    seen.add(key)
                    turn += 1
                known = [message.get(k) for k in KEYS]
                digest.update(json.dumps(known, sort_keys=True).encode())
        print(
            f"{path.name}: {hits.total()} of {requests} requests, "
            f"{saved / max(tokens, 1):.3%} of prompt tokens; by turn: {dict(hits)}"
        )


if __name__ == "__main__":
    main()
