"""What ``doctor`` shows to a human reader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from openhands_tiered_router.config.checks import Checked, Finding, Level
from openhands_tiered_router.config.keys import Key
from openhands_tiered_router.config.live import LiveResult
from openhands_tiered_router.plural import counted
from openhands_tiered_router.tiers import Endpoint


_FIRST: Final = re.compile(r"tiers\.(\w+)\.endpoints\[0\]\.(\w+)")
_STYLES: Final = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.NOTE: "cyan"}


def show_report(
    console: Console,
    found_by: str,
    checked: Checked,
    findings: Sequence[Finding],
    results: Sequence[LiveResult],
) -> None:
    """Print where the configuration is, its endpoints, calls and findings."""
    console.print(Text(f"Configuration: {found_by}"))
    console.print(_endpoints(checked))
    endpoints = checked.tiers.endpoints
    for status, names in _grouped((key_status(checked, e), e.key) for e in endpoints):
        console.print(Text(f"Key of {', '.join(names)}: {status}"))
    if results:
        console.print(_calls(results))
    said = Table.grid(padding=(0, 1))
    grouped = _grouped(map(_apart, findings))
    for finding, places in grouped:
        label = Text(str(finding.level), style=_STYLES[finding.level])
        problem = finding.problem
        text = f"{_together(places)}: {problem.message}. {problem.remedy}"
        said.add_row(label, Text(text))
    console.print(said)
    shown = [finding for finding, _ in grouped]
    console.print(
        Text(", ".join(_count(shown, x) for x in (Level.ERROR, Level.WARNING)))
    )


def show_unusable(console: Console, problems: Sequence[object]) -> None:
    """Print why there is no configuration that can be used."""
    for problem in problems:
        label = Text(f"{Level.ERROR:<8}", style=_STYLES[Level.ERROR])
        console.print(label + Text(str(problem)))


def key_status(checked: Checked, endpoint: Endpoint) -> str:
    """Where the endpoint's key comes from; never the key."""
    key: Key = checked.keys[endpoint.key]
    table = checked.table(endpoint)
    if key.variable:
        return f"{key.variable} (not set)" if key.missing else key.variable
    if table.api_key is not None:
        return "in the file"
    return "in the profile" if table.profile else "none"


def _grouped[K, V](pairs: Iterable[tuple[K, V]]) -> list[tuple[K, list[V]]]:
    """What is said alike, once; in the order of the first."""
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return list(found.items())


def _apart(finding: Finding) -> tuple[Finding, str]:
    """What a finding says, and where: the file is named above all of them."""
    problem = finding.problem
    said = replace(problem, source="", path="", line=None)
    return Finding(finding.level, said), problem.path or problem.source


def _together(places: Sequence[str]) -> str:
    """Several places; a key of several tiers' first endpoints is named once."""
    found = [_FIRST.fullmatch(place) for place in places]
    keys = {match[2] for match in found if match}
    if len(places) == 1 or None in found or len(keys) > 1:
        return ", ".join(places)
    return f"{keys.pop()} of {', '.join(match[1] for match in found if match)}"


def _count(findings: Sequence[Finding], level: Level) -> str:
    return counted(sum(finding.level is level for finding in findings), level)


def _endpoints(checked: Checked) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        collapse_padding=True,
        caption="USD per million tokens; window in thousand tokens",
        caption_justify="left",
    )
    table.add_column("Endpoint", no_wrap=True)
    table.add_column("Model", overflow="fold", min_width=12)
    for name in ("Input", "Cached", "Output", "Window"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Images", no_wrap=True)
    table.add_column("Tools", no_wrap=True)
    for endpoint in checked.tiers.endpoints:
        table.add_row(
            Text(endpoint.key),
            Text(endpoint.model),
            *_prices(endpoint),
            _thousands(endpoint.max_input_tokens),
            "yes" if endpoint.vision else "no",
            "yes" if endpoint.tools else "no",
        )
    return table


def _prices(endpoint: Endpoint) -> list[str]:
    prices = endpoint.prices
    if prices is None:
        return ["?", "?", "?"]
    return [f"{1e6 * p:.4g}" for p in (prices.input, prices.cache_read, prices.output)]


def _thousands(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens / 1000:.4g}"


def _calls(results: Sequence[LiveResult]) -> Table:
    total = sum(result.cost for result in results)
    table = Table(
        box=None,
        pad_edge=False,
        collapse_padding=True,
        caption=f"One call each; ${total:.6f} together",
        caption_justify="left",
    )
    table.add_column("Endpoint", no_wrap=True)
    table.add_column("Seconds", justify="right", no_wrap=True)
    table.add_column("USD", justify="right", no_wrap=True)
    table.add_column("Result", overflow="fold")
    for result in results:
        table.add_row(
            Text(result.key),
            f"{result.seconds:.1f}",
            f"{result.cost:.6f}",
            Text(result.error or "answered"),
        )
    return table
