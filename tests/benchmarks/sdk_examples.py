"""The OpenHands SDK's own examples, with a router wherever they make an ``LLM``.

    python tests/benchmarks/sdk_examples.py CHECKOUT [01 05 48 ...]

CHECKOUT is a checkout of the SDK's repository; the SDK that runs is the installed one.
Each example runs twice on the loopback provider, with a plain model and with a router
that sends its calls to four models of two vendors in turn. A row says whether the
conversations ended alike (status and kinds of events after each run), and whether what
the example prints as ``EXAMPLE_COST`` is the provider's bill. Where it prints none, or
not all also with a plain model (of forks, say), the conversations' books must be the
bill. Exits with 1 if not.

Left out are examples that need a network, a browser, Docker, a subscription, or models
of their own. Their MCP servers are taken out, which would be downloaded.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sdk_tests

from openhands_tiered_router.loopback import LoopbackProvider, Reply, Request, ToolCall
from openhands_tiered_router.policy import rules
from openhands_tiered_router.policy.economics.price_book import default_price_book
from openhands_tiered_router.policy.engine import Draft
from openhands_tiered_router.tiers import Tier


EXAMPLES = (
    *("02", "04", "05", "09", "11", "13", "14", "17", "18", "20", "25", "26"),
    *("28", "29", "36", "39", "41", "42", "45", "48", "50", "51", "53", "54", "55"),
    *("56", "57"),
)
TIMED = ("09", "18", "28", "50")
"""They act on what runs after so many seconds: only how they end is compared."""
PLAIN = "openai/gpt-4o"
MODELS = {
    "simple": "openai/gpt-4o-mini",
    "medium": "openai/gpt-4o",
    "complex": "anthropic/claude-sonnet-4-5",
    "reasoning": "anthropic/claude-opus-4-5",
}
PRINTED = re.compile(r"EXAMPLE_COST: \$?([\d.e-]+)")


# -- what the models say --------------------------------------------------------------


def terminal(command: str, **more: str) -> ToolCall:
    return ToolCall("terminal", {"command": command, **more})


def task(kind: str) -> ToolCall:
    return ToolCall("task", {"subagent_type": kind, "prompt": "Do your part."})


def work(name: str, request: Request) -> tuple[ToolCall, ...]:
    """What a model with tools does; nothing: it answers."""
    looked = request.messages[-1].role == "tool"
    if name == "20":
        return (terminal("ls"),)
    if name == "53" and looked and "show_notification" not in _called(request):
        note = {"message": "Counted.", "level": "info"}
        route = ToolCall("navigate_to", {"route": "/files"})
        return (ToolCall("show_notification", note), route)
    if name == "56" and looked:
        facts = {"description": "A project.", "facts": ["One.", "Two.", "Three."]}
        return (ToolCall("finish", {"message": "Done.", **facts}),)
    if looked:
        return ()
    if "task" in request.tools:
        return tuple(task(kind) for kind in SUBAGENTS[name])
    if "terminal" not in request.tools:
        return ()
    why = {"purpose": "To look.", "expected_outcome": "Files."} if name == "56" else {}
    return (terminal(COMMANDS.get(name, "echo sliced-branch"), **why),)


SUBAGENTS = {
    "25": ("lodging_planner", "activities_planner"),
    "41": ("animal_expert",),
    "42": ("grammar-checker",),
    "45": ("code_analyst", "doc_reviewer", "dependency_checker"),
}
COMMANDS = {
    "09": "sleep 3",
    "18": "sleep 3",
    "50": "sleep 60",
    "51": "cat /etc/passwd; echo '- A bullet.' > REPORT.md",
    "55": "mkdir -p .openhands/memory; echo '- uv' > .openhands/memory/MEMORY.md",
}
FORBIDDEN = ("awk", "-delete")
"""In what hooks are asked about: words of the commands that their examples forbid."""


def answer(name: str, request: Request) -> Reply:
    system, last = request.messages[0].text, request.messages[-1]
    if "JSON" in system and '"decision"' in system or "JSON" in last.text:
        denied = any(word in last.text for word in FORBIDDEN)
        verdict = {"decision": "deny" if denied else "allow", "reason": "As asked."}
        goal = {"score": 1.0, "complete": True, "missing": ""}
        return Reply(text=json.dumps({**verdict, **goal}))
    question = "<QUESTION>" in last.text
    calls = work(name, request) if request.tools and not question else ()
    return Reply(tool_calls=calls) if calls else Reply(text="Done.")


def _called(request: Request) -> set[str]:
    return {call.name for m in request.messages for call in m.tool_calls}


# -- what runs in an example's own process --------------------------------------------


def each_in_turn() -> Callable[[Draft], Draft]:
    """A rule: harder on history, caches and books than any policy."""
    tiers = itertools.cycle(Tier)

    def rule(draft: Draft) -> Draft:
        return replace(draft, required=next(tiers)).because("example", "in turn")

    return rule


def routed(made: Any) -> Callable[..., Any]:
    """A factory of routers for ``LLM``."""
    from openhands_tiered_router import ComplexityRouter

    def factory(**fields: Any) -> Any:
        usage_id = fields.pop("usage_id", "default")
        tiers = {
            key: made(**{**fields, "model": model}) for key, model in MODELS.items()
        }
        router = ComplexityRouter(llms_for_routing=tiers, usage_id=usage_id)
        return router.with_rules(
            (rules.capable, each_in_turn(), rules.pins, rules.choose)
        )

    return factory


@dataclass(slots=True)
class Observed:
    """What conversations do, from ``observe`` on."""

    ends: list[tuple[str, list[str]]] = field(default_factory=list)
    """Of each run: the status, and the kinds of all events."""
    stats: dict[str, Any] = field(default_factory=dict)
    """The SDK's books by conversation."""

    @property
    def booked(self) -> float:
        """USD, in all of them."""
        all_books = (stats.get_combined_metrics() for stats in self.stats.values())
        return sum(books.accumulated_cost for books in all_books)


def observe() -> Observed:
    from openhands.sdk import LocalConversation

    seen = Observed()
    run, arun = LocalConversation.run, LocalConversation.arun

    def note(conversation: LocalConversation) -> None:
        state = conversation.state
        kinds = [type(event).__name__ for event in state.events]
        seen.ends.append((state.execution_status.value, kinds))
        seen.stats[str(conversation.id)] = conversation.conversation_stats

    @functools.wraps(run)
    def observed(self: LocalConversation, *args: Any, **kwargs: Any) -> None:
        run(self, *args, **kwargs)
        note(self)

    @functools.wraps(arun)
    async def aobserved(self: LocalConversation, *args: Any, **kwargs: Any) -> None:
        await arun(self, *args, **kwargs)
        note(self)

    LocalConversation.run, LocalConversation.arun = observed, aobserved
    return seen


def inside(path: Path, kind: str, report: Path) -> None:
    """Runs one example; writes what came of it."""
    book = default_price_book()
    prices = {m.partition("/")[2]: book.prices(m) for m in MODELS.values()}
    known = {model: price for model, price in prices.items() if price}
    script = functools.partial(answer, path_name(path))
    source = path.read_text(encoding="utf-8")
    source = source.replace("mcp_config=mcp_config", "mcp_config={}")
    if kind == "router":
        source = sdk_tests.substitute(source, Path(__file__).stem)
    seen, error = observe(), ""
    with LoopbackProvider(script, prices=known) as provider:
        os.environ |= {"LLM_MODEL": PLAIN, "LLM_BASE_URL": provider.base_url}
        try:
            code = compile(source, path, "exec")
            exec(code, {"__name__": "__main__", "__file__": str(path)})
        except (Exception, SystemExit) as raised:
            traceback.print_exc()
            error = f"{type(raised).__name__}: {raised}"
        found = {
            "error": error,
            "ends": sorted(seen.ends),
            "booked": seen.booked,
            "bill": provider.total_usd,
            "models": sorted({charge.model for charge in provider.charged}),
            "requests": len(provider.requests),
        }
    report.write_text(json.dumps(found))
    # Threads of tools that were interrupted may still wait.
    sys.stdout.flush()
    os._exit(0)


# -- the two runs and their comparison ------------------------------------------------


def path_name(path: Path) -> str:
    """The number that an example's name begins with."""
    named = path.parent if path.name == "main.py" else path
    return named.name[:2]


def run(path: Path, kind: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        home, report = Path(folder), Path(folder, "report.json")
        (home / "workspace").mkdir()
        environ = {
            **os.environ,
            "HOME": folder,
            "LLM_API_KEY": "sk-loopback",
            "AUTO_CANCEL_SECONDS": "4",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "OPENHANDS_SUPPRESS_BANNER": "1",
        }
        command = [sys.executable, __file__, "--inside", kind, str(report), str(path)]
        try:
            ended = subprocess.run(
                command,
                cwd=home / "workspace",
                env=environ,
                input="yes\nno\nyes\nyes\n",
                capture_output=True,
                text=True,
                timeout=300,
            )
        except subprocess.TimeoutExpired:
            return {"error": "did not end in 300 s"}
        if not report.exists():
            return {"error": ended.stderr.strip().split("\n")[-1]}
        found = json.loads(report.read_text())
    printed = PRINTED.findall(ended.stdout)
    return {**found, "printed": printed[-1] if printed else None}


def exact(found: dict[str, Any]) -> bool:
    """Whether the printed cost is the bill, to as many digits as were printed."""
    printed = found.get("printed")
    if printed is None:
        return False
    digits = len(printed.partition(".")[2])
    return abs(float(printed) - found["bill"]) <= max(0.5 * 10**-digits, 1e-12)


def alike(name: str, plain: dict[str, Any], router: dict[str, Any]) -> bool:
    if plain["error"] != router["error"]:
        return False
    if name in TIMED:
        return [s for s, _ in plain["ends"]] == [s for s, _ in router["ends"]]
    same = plain["requests"] == router["requests"]
    return same and plain["ends"] == router["ends"]


def row(path: Path) -> tuple[str, bool]:
    """A line of the table, and whether the router passed."""
    name = path_name(path)
    plain, router = run(path, "plain"), run(path, "router")
    if plain["error"]:
        return f"| {name} | fails with a plain model: {plain['error'][:60]} |", True
    if router["error"]:
        return f"| {name} | fails with a router: {router['error'][:60]} |", False
    same = alike(name, plain, router)
    # What the example itself leaves out must be in the books.
    booked = abs(router["booked"] - router["bill"]) < 1e-9
    paid = exact(router) or booked and not exact(plain)
    cells = [
        name,
        "alike" if same else "NOT ALIKE",
        f"{plain['requests']} / {router['requests']}",
        str(len(router["models"])),
        f"{plain['printed']} / {plain['bill']:.6f}",
        f"{router['printed']} / {router['bill']:.6f}",
        "printed" if exact(router) else "booked" if paid else "NOT EXACT",
    ]
    return f"| {' | '.join(cells)} |", same and paid


def main() -> None:
    if sys.argv[1:2] == ["--inside"]:
        _, _, kind, report, path = sys.argv
        inside(Path(path), kind, Path(report))
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("names", nargs="*", default=list(EXAMPLES))
    given = parser.parse_args()
    folder = (given.checkout / "examples" / "01_standalone_sdk").resolve()
    files = [*folder.glob("*.py"), *folder.glob("*/main.py")]
    paths = {path_name(path): path for path in files}
    print(
        "| example | ends | calls | models | plain: printed / bill | router | bill is |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    passed: list[bool] = []
    for name in given.names:
        line, good = row(paths[name])
        passed.append(good)
        print(line, flush=True)
    print(f"{sum(passed)} of {len(passed)} hold")
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
