"""What ``doctor`` looks at: a configuration that is valid may still disappoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from openhands_tiered_router.config.billing import plan_billing
from openhands_tiered_router.config.build import missing_key
from openhands_tiered_router.config.endpoint import EndpointConfig
from openhands_tiered_router.config.errors import Problem
from openhands_tiered_router.config.keys import Key, is_local, key_for
from openhands_tiered_router.config.reach import fault_of, local_servers
from openhands_tiered_router.config.resolve import (
    Target,
    resolve_targets,
    tier_set,
)
from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.policy.economics.price_book import PriceBook
from openhands_tiered_router.policy.value.strength import Strength, strengths_of
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


class Level(StrEnum):
    """How bad a finding is."""

    NOTE = "note"
    """Worth knowing; nothing to mend."""
    WARNING = "warning"
    """It runs, but money, quality, time or privacy may suffer."""
    ERROR = "error"
    """Calls will fail."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check has to say."""

    level: Level
    problem: Problem


@dataclass(frozen=True, slots=True)
class Checked:
    """All that the checks need to know of a configuration."""

    config: RouterConfig
    tiers: TierSet
    targets: Mapping[str, Target]
    keys: Mapping[str, Key]
    book: PriceBook
    today: date

    @classmethod
    def of(
        cls,
        config: RouterConfig,
        environ: Mapping[str, str],
        book: PriceBook,
        today: date,
    ) -> Checked:
        """Work it out.

        Raises:
            ConfigError: A profile that is named cannot be read.
        """
        targets = resolve_targets(config, environ)
        keys = {
            key: key_for(endpoint, targets[key], environ, book)
            for key, endpoint in config.endpoints().items()
        }
        tiers = tier_set(config, book, environ)
        return cls(config, tiers, targets, keys, book, today)

    def table(self, endpoint: Endpoint) -> EndpointConfig:
        """What the configuration says of the endpoint."""
        return self.config.endpoints()[endpoint.key]


Check = Callable[[Checked], Iterator[Finding]]


def run_checks(checked: Checked) -> list[Finding]:
    """Everything that the checks find, the worst first."""
    return worst_first(finding for check in CHECKS for finding in check(checked))


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """``findings`` by level; those of one level keep their order."""
    order = list(reversed(Level))
    return sorted(findings, key=lambda finding: order.index(finding.level))


def _file(checked: Checked) -> Iterator[Finding]:
    for problem in checked.config.warnings:
        yield Finding(Level.WARNING, problem)


def _tiers(checked: Checked) -> Iterator[Finding]:
    for tier in Tier:
        if checked.tiers.of(tier):
            continue
        serving = checked.tiers.serving(tier)
        message = f"has no endpoint; the {serving} tier serves its calls"
        remedy = f"Add [[tiers.{tier}.endpoints]] if that is not what you want"
        yield _note(checked, f"tiers.{tier}", message, remedy)


def _keys(checked: Checked) -> Iterator[Finding]:
    for key, found in checked.keys.items():
        base_url = checked.targets[key].base_url
        if found.missing and found.variable:
            yield Finding(Level.ERROR, missing_key(checked.config, key, found.variable))
        elif (
            found.variable
            and base_url
            and not checked.config.endpoints()[key].api_key_env
            and not is_local(base_url)
        ):
            yield _finding(
                checked,
                key,
                Level.WARNING,
                f"sends the key in {found.variable} to {base_url}",
                "Name the variable that holds that server's own key in api_key_env",
                "base_url",
            )


def _prices(checked: Checked) -> Iterator[Finding]:
    for endpoint in checked.tiers.endpoints:
        listed = checked.book.prices(endpoint.model)
        prices = endpoint.prices
        if prices is None:
            yield _unpriced(checked, endpoint)
        elif (
            listed is not None
            and listed.cache_read < listed.input
            and checked.table(endpoint).cache_read_input_token_cost is None
            and prices.cache_read == prices.input
        ):
            yield _finding(
                checked,
                endpoint.key,
                Level.WARNING,
                "charges cached tokens in full, though the list price is lower",
                "Add cache_read_input_token_cost and cache_creation_input_token_cost",
                "cache_read_input_token_cost",
            )


def _unpriced(checked: Checked, endpoint: Endpoint) -> Finding:
    """An error where a budget in USD refuses every call of such an endpoint."""
    budget = next((b for b in checked.config.budgets if b.usd is not None), None)
    remedy = "Add input_cost_per_token and output_cost_per_token (USD per token)"
    if budget is None:
        said = "has no known price: its cost is unknown to reports and savings"
        return _finding(
            checked, endpoint.key, Level.WARNING, said, remedy, "input_cost_per_token"
        )
    if budget.allow_unpriced:
        said = f"has no known price, so its calls count 0 USD in budget {budget.name}"
        level = Level.WARNING
    else:
        said = f"has no known price, so budget {budget.name} in USD refuses its calls"
        level = Level.ERROR
        remedy += f", or set allow_unpriced in budget {budget.name}"
    return _finding(checked, endpoint.key, level, said, remedy, "input_cost_per_token")


def _billing(checked: Checked) -> Iterator[Finding]:
    plan = plan_billing(checked.config, checked.tiers, checked.book)
    for problem in plan.problems:
        yield Finding(Level.ERROR, problem)


def _abilities(checked: Checked) -> Iterator[Finding]:
    for endpoint in checked.tiers.endpoints:
        if endpoint.max_input_tokens is None:
            yield _finding(
                checked,
                endpoint.key,
                Level.WARNING,
                "has no known context window, so a prompt may be too long for it",
                "Add max_input_tokens",
                "max_input_tokens",
            )
        if not endpoint.tools:
            yield _finding(
                checked,
                endpoint.key,
                Level.WARNING,
                "calls no tools, so an agent's calls never reach it",
                "Set tools = true if it does, or native_tool_calling = false to have "
                "tools described in the prompt",
                "tools",
            )
    if not any(endpoint.vision for endpoint in checked.tiers.endpoints):
        message = "has no endpoint that sees images"
        yield _note(checked, "tiers", message, "Set vision = true where a model does")


def _models(checked: Checked) -> Iterator[Finding]:
    for endpoint in checked.tiers.endpoints:
        mode = checked.book.mode(endpoint.model)
        if mode not in (None, "chat", "responses", "completion"):
            yield _finding(
                checked,
                endpoint.key,
                Level.ERROR,
                f"is no chat model: litellm lists it for {mode}",
                "Name a chat model",
                "model",
            )
        ends = str((checked.book.row(endpoint.model) or {}).get("deprecation_date", ""))
        if ends and ends < checked.today.isoformat():
            yield _finding(
                checked,
                endpoint.key,
                Level.WARNING,
                f"was withdrawn by its maker on {ends}, as litellm lists it",
                "Name a newer model",
                "model",
            )


def _strengths(checked: Checked) -> Iterator[Finding]:
    """Whether the choice between models rests on figures."""
    endpoints = checked.tiers.endpoints
    strengths = strengths_of(endpoints, checked.config.policy.work)
    remedy = "Add success and task_usd from your own tasks"
    if not strengths and len(endpoints) > 1:
        yield _note(
            checked,
            "tiers",
            "no model here has a known success rate, so the tiers' order is all that "
            "says which is stronger",
            f"{remedy}, or take models that `tiered-router advise` knows",
        )
    for endpoint in endpoints:
        own = strengths.get(endpoint.key)
        if own is None:
            continue
        if not own.known:
            message = (
                f"has no known success rate: taken as {own.success:.0%}, {own.source}"
            )
            yield _finding(checked, endpoint.key, Level.NOTE, message, remedy)
            continue
        for other in endpoints:
            better = strengths[other.key]
            if other.tier < endpoint.tier and _beats(better, own):
                message = (
                    f"solves {own.success:.0%} at ${own.task_usd:.2f} a task, and "
                    f"{other.key} solves {better.success:.0%} at "
                    f"${better.task_usd:.2f} ({own.source}; {better.source})"
                )
                remedy = "Name a stronger model, or see tiered-router advise"
                yield _finding(checked, endpoint.key, Level.NOTE, message, remedy)
                break


def _beats(one: Strength, other: Strength) -> bool:
    """Whether one solves as much for less."""
    if one.task_usd is None or other.task_usd is None or not one.known:
        return False
    return one.success >= other.success and one.task_usd < other.task_usd


def _duplicates(checked: Checked) -> Iterator[Finding]:
    seen: dict[tuple[object, ...], str] = {}
    for endpoint in checked.tiers.endpoints:
        table = checked.table(endpoint)
        same = (endpoint.tier, endpoint.cache_id, repr(sorted(table.llm.items())))
        if same in seen:
            yield _finding(
                checked,
                endpoint.key,
                Level.WARNING,
                f"is the same as {checked.config.path_of(seen[same])}: when one "
                "fails, so does the other",
                "Remove one, and raise the other's weight",
            )
        seen.setdefault(same, endpoint.key)


def _texts(checked: Checked) -> Iterator[Finding]:
    if checked.config.telemetry.texts:
        problem = Problem(
            source=checked.config.source,
            path="telemetry.texts",
            message="is on: what users and models say is recorded; keys, tokens and "
            "e-mail addresses are redacted where they are recognised",
            remedy="Remove it when you have seen enough, and run "
            "tiered-router telemetry purge --texts",
        )
        yield Finding(Level.WARNING, problem)


def local_findings(checked: Checked) -> Iterator[Finding]:
    """Whether model servers of this machine answer, and which are not used yet.

    Asks addresses of this machine alone.
    """
    servers = {server.base_url: server for server in local_servers()}
    used: set[str] = set()
    for endpoint in checked.tiers.endpoints:
        base_url = (checked.targets[endpoint.key].base_url or "").rstrip("/")
        if not is_local(base_url):
            continue
        used.add(base_url)
        server, name = servers.get(base_url), endpoint.model.partition("/")[2]
        if server is None and (fault := fault_of(base_url)):
            said, remedy = f"does not answer: {fault}", "Start the server"
        elif server is not None and name not in server.models:
            said = f"is not among the models that {server.name} has"
            remedy = f"Fetch it, or name one of {', '.join(server.models[:5])}"
        else:
            continue
        yield _finding(checked, endpoint.key, Level.ERROR, said, remedy, "base_url")
    for server in servers.values():
        if server.base_url not in used:
            message = f"{server.name} at {server.base_url} is not used"
            model = f"{server.prefix}/{server.models[0]}"
            remedy = f'It could serve a tier: model = "{model}" costs nothing a token'
            yield _note(checked, "", message, remedy)


def _finding(
    checked: Checked, key: str, level: Level, message: str, remedy: str, name: str = ""
) -> Finding:
    return Finding(level, checked.config.problem(key, message, remedy, name))


def _note(checked: Checked, path: str, message: str, remedy: str) -> Finding:
    """Of no endpoint."""
    source = checked.config.source
    problem = Problem(source=source, path=path, message=message, remedy=remedy)
    return Finding(Level.NOTE, problem)


CHECKS: Final[tuple[Check, ...]] = (
    _file,
    _tiers,
    _keys,
    _prices,
    _billing,
    _abilities,
    _models,
    _strengths,
    _duplicates,
    _texts,
)
"""The order in which findings of one level are reported."""
