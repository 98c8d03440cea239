"""What ``doctor`` shows to a human reader."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from openhands_tiered_router.config.checks import Checked, Finding, Level
from openhands_tiered_router.config.keys import Key
from openhands_tiered_router.config.live import LiveResult
from openhands_tiered_router.tiers import Endpoint


_STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.NOTE: "cyan"}


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
    if results:
        console.print(_calls(results))
    for finding in findings:
        label = Text(f"{finding.level:<8}", style=_STYLES[finding.level])
        console.print(label + Text(str(finding.problem)))
    counts = ", ".join(
        f"{sum(f.level is level for f in findings)} {level}s"
        for level in (Level.ERROR, Level.WARNING)
    )
    console.print(Text(counts))


def show_unusable(console: Console, problems: Sequence[object]) -> None:
    """Print why there is no configuration that can be used."""
    for problem in problems:
        console.print(Text("error   ", style=_STYLES[Level.ERROR]) + Text(str(problem)))


def key_status(checked: Checked, endpoint: Endpoint) -> str:
    """Where the endpoint's key comes from; never the key."""
    key: Key = checked.keys[endpoint.key]
    table = checked.table(endpoint)
    if key.variable:
        return f"{key.variable} (not set)" if key.missing else key.variable
    if table.api_key is not None:
        return "in the file"
    return "in the profile" if table.profile else "none"


def _endpoints(checked: Checked) -> Table:
    table = Table(caption="USD per million tokens; window in thousand tokens")
    for name in ("Endpoint", "Model", "Key"):
        table.add_column(name, overflow="fold")
    for name in ("Input", "Cached", "Output", "Window"):
        table.add_column(name, justify="right")
    table.add_column("Images")
    table.add_column("Tools")
    for endpoint in checked.tiers.endpoints:
        table.add_row(
            Text(endpoint.key),
            Text(endpoint.model),
            Text(key_status(checked, endpoint)),
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
    table = Table(caption=f"One call each; ${total:.6f} together")
    table.add_column("Endpoint")
    table.add_column("Seconds", justify="right")
    table.add_column("USD", justify="right")
    table.add_column("Result", overflow="fold")
    for result in results:
        table.add_row(
            Text(result.key),
            f"{result.seconds:.1f}",
            f"{result.cost:.6f}",
            Text(result.error or "answered"),
        )
    return table
