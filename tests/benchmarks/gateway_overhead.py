"""What routing costs in the LiteLLM proxy: the gateway beside the bare proxy.

    uv run python tests/benchmarks/gateway_overhead.py [--calls 300]

Both proxies run at once, in processes of their own, over one loopback provider; calls
go to them in turns, so that both see the same machine. The bare proxy is asked for
the model that the gateway chooses. Prints medians, their ratio with a bootstrap
interval, and what 16 clients at once do.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from openhands_tiered_router.loopback import LoopbackProvider


TURNS = 40
"""Of each session."""
KEY = "sk-benchmark-0123456789"
HISTORY: list[dict[str, object]] = [
    {"role": "system", "content": "You are a coding agent. " * 200},
    {"role": "user", "content": "Fix the failing test in the parser. " * 20},
]
TOOL = {
    "type": "function",
    "function": {
        "name": "terminal",
        "description": "Runs a command.",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
    },
}


def history(turns: int) -> list[dict[str, object]]:
    """A session of an agent that has looked around so many times."""
    messages: list[dict[str, object]] = [*HISTORY]
    for turn in range(turns):
        call = {
            "id": f"call_{turn}",
            "type": "function",
            "function": {
                "name": "terminal",
                "arguments": f'{{"command": "ls {turn}"}}',
            },
        }
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        result = {"role": "tool", "tool_call_id": f"call_{turn}"}
        messages.append({**result, "content": f"file_{turn}.py\n" * 40})
    return messages


@contextmanager
def running(
    command: list[str], port: int, environ: dict[str, str]
) -> Iterator[tuple[str, int]]:
    """A server's address and process id, once it answers."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if httpx.get(f"{address}/health/liveliness").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.4)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


def resident(pid: int) -> int:
    """Megabytes of memory that a process holds (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(x for x in status.splitlines() if x.startswith("VmRSS:"))
    return int(line.split()[1]) // 1024


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(client: httpx.Client, address: str, model: str, number: int) -> float:
    """Seconds of one call: the sessions are an agent's, and grow turn by turn."""
    session, turn = divmod(number, TURNS)
    body = {"model": model, "messages": history(turn), "tools": [TOOL]}
    headers = {
        "authorization": f"Bearer {KEY}",
        "x-litellm-session-id": f"session-{session}",
    }
    began = time.perf_counter()
    answer = client.post(f"{address}/v1/chat/completions", json=body, headers=headers)
    seconds = time.perf_counter() - began
    answer.raise_for_status()
    return seconds


def ratio_interval(ours: list[float], bare: list[float]) -> tuple[float, float]:
    """95 % bootstrap interval of the ratio of medians, over pairs."""
    drawn = random.Random(0)
    pairs = list(zip(ours, bare, strict=True))
    found = []
    for _ in range(1000):
        sample = drawn.choices(pairs, k=len(pairs))
        ours_, bare_ = zip(*sample, strict=True)
        found.append(statistics.median(ours_) / statistics.median(bare_))
    found.sort()
    return found[25], found[974]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    calls = parser.parse_args().calls
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(LoopbackProvider())
        config = home / "tiered-router.toml"
        config.write_text(
            f'[[tiers.complex.endpoints]]\nmodel = "openai/gpt-4o"\n'
            f'base_url = "{provider.base_url}/v1"\n[graph]\nenabled = false\n'
        )
        bare_config = home / "litellm.yaml"
        bare_config.write_text(
            "model_list:\n- model_name: gpt-4o\n  litellm_params:\n"
            f"    model: openai/gpt-4o\n    api_base: {provider.base_url}/v1\n"
            f"    api_key: x\ngeneral_settings:\n  master_key: {KEY}\n"
        )
        environ = {
            "TIERED_ROUTER_GATEWAY_KEY": KEY,
            "TIERED_ROUTER_TELEMETRY": str(home / "telemetry.sqlite3"),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
        }
        port, bare_port = free_port(), free_port()
        serve = [sys.executable, "-m", "openhands_tiered_router", "serve"]
        serve += ["--config", str(config), "--port", str(port)]
        litellm = [str(Path(sys.executable).parent / "litellm")]
        litellm += ["--config", str(bare_config), "--port", str(bare_port)]
        litellm += ["--host", "127.0.0.1", "--telemetry", "False"]
        ours_at, ours_pid = stack.enter_context(running(serve, port, environ))
        bare_at, bare_pid = stack.enter_context(running(litellm, bare_port, environ))
        report(calls, ours_at, bare_at)
        print(f"resident: gateway {resident(ours_pid)} MB, bare {resident(bare_pid)}")


def report(calls: int, ours_at: str, bare_at: str) -> None:
    sides = ((ours_at, "complexity-router"), (bare_at, "gpt-4o"))
    times: dict[str, list[float]] = {ours_at: [], bare_at: []}
    with httpx.Client(timeout=60) as client:
        for number in range(-TURNS, calls):
            for address, model in sides:
                seconds = call(client, address, model, number)
                if number >= 0:
                    times[address].append(seconds)
    ours, bare = times[ours_at], times[bare_at]
    low, high = ratio_interval(ours, bare)
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, load before")
    print(f"  {os.getloadavg()[0]:.1f}; Python {platform.python_version()}")
    print(f"calls: {calls} each, of sessions that grow by {TURNS} turns, one client")
    for name, values in (("gateway", ours), ("bare proxy", bare)):
        p99 = statistics.quantiles(values, n=100)[98]
        print(f"{name:11} median {statistics.median(values) * 1e3:.1f} ms, "
              f"P99 {p99 * 1e3:.1f} ms")  # fmt: skip
    ratio = statistics.median(ours) / statistics.median(bare)
    print(f"ratio of medians {ratio:.3f} (95 % interval {low:.3f} to {high:.3f})")
    for name, (address, model) in zip(("gateway", "bare proxy"), sides, strict=True):
        print(f"{name:11} {crowd(address, model)}")


def crowd(address: str, model: str, clients: int = 16, calls: int = 320) -> str:
    """What that many clients at once see."""
    with httpx.Client(timeout=60, limits=httpx.Limits(max_connections=clients)) as one:
        with ThreadPoolExecutor(clients) as pool:
            began = time.perf_counter()
            jobs = [
                pool.submit(call, one, address, model, 10_000 * TURNS + n)
                for n in range(calls)
            ]
            errors = sum(job.exception() is not None for job in jobs)
        seconds = time.perf_counter() - began
    return f"{clients} clients: {calls / seconds:.0f} calls/s, {errors} errors"


if __name__ == "__main__":
    main()
