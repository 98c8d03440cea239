"""``tiered-router``: one small module a command, imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Final

import click

from openhands_tiered_router.cli.terminal import guard_click, guard_rich


_COMMANDS: Final = {
    "advise": "Say which models to put into the tiers.",
    "calibrate": "Fit the weights of the decision to data.",
    "config": "Show the configuration, or write it for other programs.",
    "conversations": "List, show and resume the conversations of `run`.",
    "demo": "Watch an agent fix a failing test, offline and without keys.",
    "doctor": "Check the configuration.",
    "explain": "Show how a decision comes about.",
    "graph": "Build and ask the code graph of a workspace.",
    "init": "Write a configuration file.",
    "keys": "Give clients of the gateway keys of their own.",
    "memory": "Show and forget what repositories taught earlier conversations.",
    "metrics": "Serve numbers to Prometheus.",
    "replay": "Show what routing would have cost on recorded sessions.",
    "report": "Show what routing cost, saved and got wrong.",
    "resolve": "Resolve an issue: a verified patch, branch or pull request.",
    "route": "Decide for messages on standard input.",
    "run": "Run an agent on a task, headless.",
    "serve": "Serve the router over HTTP, for any client.",
    "skills": "Put skills for agents into a repository.",
    "telemetry": "Show, export and remove recorded decisions.",
    "status": "One line on what runs and costs, for prompts and bars.",
    "verdict": "Say what became of the work; see how good the verifier is.",
    "watch": "Watch running conversations.",
}
"""Each command's line in the help, kept here so that the help imports none of them."""


_PLAIN: Final = frozenset({"status"})
"""Commands that print by click alone, and start with every prompt of a shell."""

guard_click()


class _LazyGroup(click.Group):
    """Loads ``cli.<name>:command`` when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        if cmd_name not in _PLAIN:
            guard_rich()
        module = importlib.import_module(f"{__name__}.{cmd_name}")
        return module.command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(n, _COMMANDS[n]) for n in self.list_commands(ctx)])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  tiered-router demo                       see it work; no keys, no network
  tiered-router init --preset anthropic    write a configuration
  tiered-router doctor                     check it
  tiered-router run --task "Fix the failing test" --workspace .
""",
)
@click.version_option(package_name="openhands-tiered-router")
def tiered_router() -> None:
    """Route each model call of an OpenHands agent to one of four tiers."""


def main() -> None:
    """Entry point of the ``tiered-router`` command."""
    tiered_router.main()
