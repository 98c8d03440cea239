"""``tiered-router doctor``: check the configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click


if TYPE_CHECKING:
    from openhands_tiered_router.config.checks import Checked, Finding
    from openhands_tiered_router.config.errors import Problem
    from openhands_tiered_router.config.live import LiveResult

OK: Final = 0
WARNINGS: Final = 1
ERRORS: Final = 2


_EPILOG: Final = """\b
Examples:
  tiered-router doctor
  tiered-router doctor --live --config tiered-router.toml
  tiered-router doctor --json --strict
"""


@click.command(name="doctor", epilog=_EPILOG)
@click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration file; found as by the other commands if not given.",
)
@click.option("--live", is_flag=True, help="Call each endpoint once; costs a little.")
@click.option("--strict", is_flag=True, help="Exit with 1 if there are warnings.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON.")
@click.pass_context
def command(
    context: click.Context, path: Path | None, live: bool, strict: bool, as_json: bool
) -> None:
    """Check the configuration: keys, prices, windows, abilities, doubles.

    \b
    Exit code:  0  nothing wrong (or warnings only, without --strict)
                1  warnings, with --strict
                2  errors, or no configuration that can be used
    """
    from openhands_tiered_router.config import ConfigError
    from openhands_tiered_router.config.checks import worst_first

    try:
        found_by, checked, findings = _check(path)
    except ConfigError as error:
        _show_unusable(error.problems, as_json)
        context.exit(ERRORS)
    results: list[LiveResult] = []
    if live or _needs_sdk(checked):
        found = _build(checked, findings, results, live, as_json)
        findings = worst_first([*found, *findings])
    code = _exit_code(findings, strict)
    if as_json:
        report = _as_dict(found_by, checked, findings, results, code)
        click.echo(json.dumps(report, indent=2))
    else:
        from rich.console import Console

        from openhands_tiered_router.cli.doctor_tables import show_report

        show_report(Console(), found_by, checked, findings, results)
    context.exit(code)


def _check(path: Path | None) -> tuple[str, Checked, list[Finding]]:
    from datetime import date

    from openhands_tiered_router.config import find_config
    from openhands_tiered_router.config.checks import (
        Checked,
        local_findings,
        run_checks,
        worst_first,
    )
    from openhands_tiered_router.policy.economics.price_book import default_price_book
    from openhands_tiered_router.record.telemetry.verdicts import moved_by_verdicts

    source = find_config(path)
    book = default_price_book()
    checked = Checked.of(source.load(), os.environ, book, date.today())
    moved = moved_by_verdicts(checked.tiers.endpoints, checked.config.telemetry)
    checked = replace(checked, tiers=replace(checked.tiers, endpoints=moved))
    found = [*run_checks(checked), *local_findings(checked)]
    return str(source), checked, worst_first(found)


def _needs_sdk(checked: Checked) -> bool:
    """Whether only the SDK can tell if the values suit it."""
    tables = checked.config.endpoints().values()
    return any(table.llm or table.profile for table in tables)


def _build(
    checked: Checked,
    findings: list[Finding],
    results: list[LiveResult],
    live: bool,
    as_json: bool,
) -> list[Finding]:
    """Let the SDK check the values and, if ``live``, call what has no error."""
    import contextlib
    import sys

    from rich.console import Console

    from openhands_tiered_router.config import ConfigError, build_llms
    from openhands_tiered_router.config.checks import Finding, Level
    from openhands_tiered_router.config.live import call_each, findings_of

    sound = _sound_keys(checked, findings)
    progress = Console(stderr=True, quiet=as_json)
    # litellm and the SDK print: that must not end up in the report.
    with (
        contextlib.redirect_stdout(sys.stderr),
        progress.status("Loading the SDK ...") as status,
    ):
        try:
            llms = build_llms(checked.config, os.environ, checked.book, sound)
        except ConfigError as error:
            told = [finding.problem for finding in findings]
            new = [problem for problem in error.problems if problem not in told]
            return [Finding(Level.ERROR, problem) for problem in new]
        if live:
            prices = {e.key: e.prices for e in checked.tiers.endpoints}
            tell = status.update
            results += call_each(llms, prices, lambda key: tell(f"Calling {key} ..."))
    return [
        found for result in results for found in findings_of(checked.config, result)
    ]


def _sound_keys(checked: Checked, findings: list[Finding]) -> set[str]:
    """Endpoints without an error of their own."""
    broken = [f.problem.path for f in findings if f.level == "error"]
    return {
        key
        for key in checked.config.endpoints()
        if not any(path.startswith(checked.config.path_of(key)) for path in broken)
    }


def _exit_code(findings: list[Finding], strict: bool) -> int:
    levels = {finding.level for finding in findings}
    if "error" in levels:
        return ERRORS
    return WARNINGS if strict and "warning" in levels else OK


def _show_unusable(problems: Sequence[Problem], as_json: bool) -> None:
    if as_json:
        findings = [{"level": "error", **asdict(problem)} for problem in problems]
        report = {"config": None, "findings": findings, "exit_code": ERRORS}
        click.echo(json.dumps(report, indent=2))
        return
    from rich.console import Console

    from openhands_tiered_router.cli.doctor_tables import show_unusable
    from openhands_tiered_router.cli.init import found_here

    show_unusable(Console(), problems)
    if all(problem.source == "configuration" for problem in problems):
        for preset, what in found_here().items():
            click.echo(f"Found {what}: tiered-router init --preset {preset}")


def _as_dict(
    found_by: str,
    checked: Checked,
    findings: list[Finding],
    results: list[LiveResult],
    code: int,
) -> dict[str, Any]:
    from openhands_tiered_router.cli.doctor_tables import key_status
    from openhands_tiered_router.tiers import Tier

    live = {result.key: asdict(result) for result in results}
    return {
        "config": found_by,
        "tiers": {str(tier): str(checked.tiers.serving(tier)) for tier in Tier},
        "endpoints": [
            {
                "key": endpoint.key,
                "model": endpoint.model,
                "api_key": key_status(checked, endpoint),
                "prices": endpoint.prices and asdict(endpoint.prices),
                "max_input_tokens": endpoint.max_input_tokens,
                "vision": endpoint.vision,
                "tools": endpoint.tools,
                "live": live.get(endpoint.key),
            }
            for endpoint in checked.tiers.endpoints
        ],
        "findings": [
            {"level": str(finding.level), **asdict(finding.problem)}
            for finding in findings
        ],
        "exit_code": code,
    }
