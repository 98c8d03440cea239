"""What handing a search to the sub-agent `explorer` saves, and when it costs more.

    LOG_LEVEL=ERROR LITELLM_LOCAL_MODEL_COST_MAP=True \\
        python examples/explore_cheaply.py [READS ...]

Offline and without keys: real conversations with real tools, the models a provider on
this machine that answers from a script and charges list prices, cached tokens included.
Each search reads that many files of 120 lines; then come six turns of work. It is done
by one strong model, by the router, and by the router with the explorer, which answers
with 20 places; up to three of them are then read again, 20 lines each, before the work.

The script has the weak model search as well as the strong one. A real one may not.
"""

import sys
import tempfile
from pathlib import Path

from openhands_tiered_router import ComplexityRouter, Tier, routed_conversation
from openhands_tiered_router.config import parse_config
from openhands_tiered_router.loopback import LoopbackProvider, Reply, Request, ToolCall
from openhands_tiered_router.pricing import Prices, default_price_book


READS = [int(argument) for argument in sys.argv[1:]] or [1, 3, 6, 12, 24]
WORK_TURNS = 6
BOOK = default_price_book()


def listed(model: str) -> Prices:
    prices = BOOK.prices(model)
    assert prices is not None, model
    return prices


MODELS = {
    Tier.SIMPLE: "openai/example-nano",
    Tier.MEDIUM: "openai/example-mini",
    Tier.COMPLEX: "anthropic/example-sonnet",
    Tier.REASONING: "anthropic/example-opus",
}
PRICE_SETS = {
    "gpt-4.1-nano to Claude Opus 4.5, four tiers": {
        Tier.SIMPLE: listed("openai/gpt-4.1-nano"),
        Tier.MEDIUM: listed("openai/gpt-4.1-mini"),
        Tier.COMPLEX: listed("anthropic/claude-sonnet-4-5"),
        Tier.REASONING: listed("anthropic/claude-opus-4-5"),
    },
    "Claude Haiku 4.5 and Claude Opus 4.5": {
        Tier.SIMPLE: listed("anthropic/claude-haiku-4-5"),
        Tier.COMPLEX: listed("anthropic/claude-opus-4-5"),
    },
}
FOUND = "\n".join(f"module_{n}.py:{n + 1} def function_{n}(a, b)" for n in range(20))


def script(reads: int, explorer: bool):
    """The same search whoever does it; then work, of which each turn writes a line."""
    search = [terminal(f"cat module_{n}.py") for n in range(reads)]
    work = [terminal(f"echo 'step {n}' >> notes.txt") for n in range(WORK_TURNS)]
    task = {"subagent_type": "explorer", "prompt": "Where are the functions defined?"}
    again = [terminal(f"head -20 module_{n}.py") for n in range(min(reads, 3))]
    parent = [call("task", **task), *again] if explorer else search
    parent = [*parent, *work, call("finish", message="Done.")]
    sub_agent = [*search, call("finish", message=FOUND)]

    def answer(request: Request) -> Reply:
        if not request.tools:
            return Reply(text="A title.")
        inner = explorer and "task" not in request.tools
        return (sub_agent if inner else parent)[request.turn]

    return answer


def terminal(command: str) -> Reply:
    return call("terminal", command=command)


def call(tool: str, **arguments: str) -> Reply:
    return Reply(tool_calls=(ToolCall(tool, arguments),))


def bill(reads: int, prices: dict[Tier, Prices], *, explorer: bool) -> float:
    """USD that the provider charged for one conversation."""
    charged = {MODELS[tier].partition("/")[2]: each for tier, each in prices.items()}
    with (
        tempfile.TemporaryDirectory() as folder,
        LoopbackProvider(script(reads, explorer), prices=charged) as provider,
    ):
        for number in range(reads):
            lines = [f"def function_{n}(a, b): return {number}" for n in range(120)]
            Path(folder, f"module_{number}.py").write_text("\n".join(lines) + "\n")
        config = configuration(provider.base_url, prices, explorer)
        router = ComplexityRouter.from_config(config)
        conversation = routed_conversation(router, folder, visualizer=None)
        conversation.send_message("Rename the functions; find them first.")
        conversation.run()
        stats = conversation.conversation_stats.get_combined_metrics()
        assert abs(stats.accumulated_cost - provider.total_usd) < 1e-9
        conversation.close()
        return provider.total_usd


def configuration(address: str, prices: dict[Tier, Prices], explorer: bool):
    tiers = {
        str(tier): {
            "model": MODELS[tier],
            "base_url": f"{address}/v1" if "openai" in MODELS[tier] else address,
            "api_key": "loopback",
            "max_input_tokens": 200_000,
            "input_cost_per_token": each.input,
            "output_cost_per_token": each.output,
            "cache_read_input_token_cost": each.cache_read,
            "cache_creation_input_token_cost": each.cache_write,
            "capability_overrides": {"supports_prompt_cache": True},
        }
        for tier, each in prices.items()
    }
    sections = {
        "tiers": {tier: {"endpoints": [table]} for tier, table in tiers.items()},
        "skills": {"explorer": explorer},
        "telemetry": {"enabled": False},
        "graph": {"enabled": False},
    }
    return parse_config(sections, "example")


for title, prices in PRICE_SETS.items():
    print(f"\n{title}")
    print("reads   complex alone          router   router with explorer   saves")
    for reads in READS:
        alone = bill(reads, {Tier.COMPLEX: prices[Tier.COMPLEX]}, explorer=False)
        routed = bill(reads, prices, explorer=False)
        helped = bill(reads, prices, explorer=True)
        columns = (
            f"{reads:5}  ${alone:.4f} (1.00)",
            f"${routed:.4f} ({routed / alone:.2f})",
            f"       ${helped:.4f} ({helped / alone:.2f})",
            f" {1 - helped / routed:+.0%}",
        )
        print("  ".join(columns))
