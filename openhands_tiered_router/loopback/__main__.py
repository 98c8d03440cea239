"""``python -m openhands_tiered_router.loopback``: the provider as a process."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from openhands_tiered_router.loopback.provider import LoopbackProvider
from openhands_tiered_router.loopback.scripts import (
    RecordingError,
    fixed,
    recording,
)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="free")
@click.option(
    "--script",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON recording to answer from; without it, every answer is 'Done.'",
)
@click.option("--strict/--lenient", default=True, help="Reject what real APIs reject.")
def main(port: int, path: Path | None, strict: bool) -> None:
    """Serve the wire formats of OpenAI and Anthropic on 127.0.0.1 until Ctrl-C."""
    try:
        script = recording(path) if path else fixed("Done.")
        provider = LoopbackProvider(script, strict=strict, port=port)
        provider.start()
    except (RecordingError, OSError) as error:
        raise click.ClickException(str(error)) from error
    # A shell that starts a command in the background has it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    click.echo(f"listening on {provider.base_url}")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo(f"{len(provider.requests)} requests served")
    finally:
        provider.stop()


if __name__ == "__main__":
    main()
