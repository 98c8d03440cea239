from __future__ import annotations

import subprocess
import sys


HEAVY = ("litellm", "openhands.sdk", "networkx")


def test_reading_a_configuration_imports_no_heavy_package() -> None:
    code = (
        "import sys\n"
        "from openhands_tiered_router.config import parse_config, tier_set\n"
        "config = parse_config({'tiers': {'simple': [{'model': 'openai/gpt-4o',"
        " 'temperature': 0.5}]}}, 'x')\n"
        "assert tier_set(config).endpoints[0].prices is not None\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
