"""Records what a newcomer sees: a terminal recording, and pictures for the pages.

    uv run python tests/benchmarks/first_minute.py docs/pictures

Writes ``first-minute.cast`` (play it with `asciinema play`), ``terminal.svg`` and
``report-*.png``. Everything runs for real, in a pseudo-terminal of 80 columns with an
empty home; the models are the loopback provider, which ANTHROPIC_API_BASE names, with
the demo's recorded answers. The report's page is of a made-up file
(``synthetic.py``), and taken with Chromium if it is installed.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Final

from PIL import Image
from rich.console import Console
from rich.text import Text
from synthetic import fill

from openhands_tiered_router.cli.demo.run import copy_project
from openhands_tiered_router.loopback import LoopbackProvider
from openhands_tiered_router.loopback.scripts import recording


ROOT: Final = Path(__file__).parents[2]
DEMO: Final = ROOT / "openhands_tiered_router/cli/demo"
COLUMNS, ROWS = 80, 40
TASK: Final = "The tests of this project fail. Find out why and fix it."
COMMANDS: Final[tuple[tuple[str, tuple[tuple[str, str], ...]], ...]] = (
    ("tiered-router demo", ()),
    ("tiered-router init", (("Start with", "\n"), ("in USD", "5\n"))),
    ("tiered-router doctor", ()),
    (f'tiered-router run --task "{TASK}"', ()),
    ("tiered-router report", ()),
    ("tiered-router report --misroutes", ()),
    ("tiered-router report --html report.html", ()),
)
"""Each command, with what is typed once the terminal shows a text."""
SHOWN: Final = 3
"""Which of them is the picture."""
MOST_SECONDS: Final = 300
SPINNER: Final = re.compile(r"\x1b\[2K|\r|\x1b\[1A|\x1b\[\?25[lh]")


def main() -> None:
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="shop-", ignore_cleanup_errors=True
    ) as folder:
        outputs = _record(Path(folder), place / "first-minute.cast")
        (place / "terminal.svg").write_text(_picture(*outputs[SHOWN]))
        if shutil.which("chromedriver"):
            _screenshots(Path(folder), place)


def _record(folder: Path, file: Path) -> list[tuple[str, str]]:
    """Runs the commands; returns what each wrote, and writes the recording."""
    project = copy_project(folder)
    (project / ".gitignore").write_text("__pycache__/\n")
    git = [
        "git",
        "-C",
        str(project),
        "-c",
        "user.name=you",
        "-c",
        "user.email=you@here",
    ]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Shop"]):
        subprocess.run([*git, *words], check=True)
    script = recording(DEMO / "recording.json", _names(project))
    header = {
        "version": 2,
        "width": COLUMNS,
        "height": ROWS,
        "idle_time_limit": 1.0,
        "title": "tiered-router: demo, init, doctor, run, report",
        "env": {"TERM": "xterm-256color"},
    }
    outputs: list[tuple[str, str]] = []
    with LoopbackProvider(script) as provider, file.open("w") as out:
        out.write(json.dumps(header) + "\n")
        clock = 0.0
        for command, typed in COMMANDS:
            shown = ""
            environ = _environ(folder, provider.base_url)
            for seconds, text in _run(command, typed, project, environ):
                clock += seconds
                shown += text
                out.write(json.dumps([round(clock, 2), "o", text]) + "\n")
            outputs.append((command, shown))
            clock += 2
    return outputs


def _names(project: Path) -> dict[str, str]:
    return {"workspace": str(project), "python": "python3"}


def _environ(folder: Path, address: str) -> dict[str, str]:
    search = f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return {
        "HOME": str(folder),
        "PATH": search,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "ANTHROPIC_API_KEY": "sk-ant-recorded",
        "ANTHROPIC_API_BASE": address,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


def _run(
    command: str,
    typed: tuple[tuple[str, str], ...],
    directory: Path,
    environ: dict[str, str],
) -> Iterator[tuple[float, str]]:
    """What a pseudo-terminal shows, with the seconds since what came before it."""
    yield 0.5, f"\x1b[1m$ {command}\x1b[0m\r\n"
    child, master = pty.fork()
    if child == 0:
        os.chdir(directory)
        os.execvpe("sh", ["sh", "-c", command], environ)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    waiting, seen, before = list(typed), "", time.monotonic()
    ends = before + MOST_SECONDS
    while time.monotonic() < ends:
        if not select.select([master], [], [], 1.0)[0]:
            continue
        try:
            data = os.read(master, 65_536)
        except OSError:  # Linux: the other side is closed
            break
        if not data:
            break
        text = data.decode("utf-8", "replace")
        now = time.monotonic()
        yield min(now - before, 1.0), text
        before, seen = now, seen + text
        if waiting and waiting[0][0] in seen:
            os.write(master, waiting.pop(0)[1].encode())
            seen = ""
    os.close(master)
    os.waitpid(child, 0)


def _picture(command: str, output: str) -> str:
    """The terminal after that command, as SVG without anything from elsewhere."""
    kept: list[str] = []
    for line in output.split("\n"):
        if "\x1b[1A" in line and kept:  # a spinner takes itself away
            kept.pop()
        kept.append(SPINNER.split(line.rstrip())[-1])
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    for line in kept:
        console.print(Text.from_ansi(line.replace("\r", "")), soft_wrap=False)
    svg = console.export_svg(title=command.split(" --")[0])
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return re.sub(r"^\s*$\n", "", svg, flags=re.MULTILINE)


def _screenshots(folder: Path, place: Path) -> None:
    """The report's page, light and dark, on a desktop and a phone."""
    telemetry, html = folder / "made-up.sqlite3", folder / "report.html"
    for day in range(6):
        fill(telemetry, 400 + 150 * (day % 3), seed=day, since=_days_ago(6.5 - day))
    program = Path(sys.executable).with_name("tiered-router")
    words = ["report", "--telemetry", str(telemetry), "--html", str(html)]
    subprocess.run([program, *words], check=True, stdout=subprocess.DEVNULL)
    with _browser(folder / "profile") as browser:
        for name, width, height in (("desktop", 1280, 900), ("phone", 390, 844)):
            for scheme in ("light", "dark"):
                browser.show(html, width, height, scheme)
                if name == "phone":
                    browser.run("document.querySelector('.row').click()")
                    browser.run("document.querySelector('.calls .why').click()")
                    browser.run("document.querySelector('.row').scrollIntoView()")
                picture = place / f"report-{name}-{scheme}.png"
                with Image.open(BytesIO(browser.picture())) as taken:
                    taken.convert("RGB").quantize(128).save(picture, optimize=True)


def _days_ago(days: float) -> float:
    return time.time() - days * 86_400


class _Browser:
    """Chromium by the WebDriver protocol."""

    def __init__(self, address: str, profile: Path) -> None:
        self._address = address
        options = {
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                f"--user-data-dir={profile}",
            ],
        }  # fmt: skip
        always = {"alwaysMatch": {"goog:chromeOptions": options}}
        self._session = ""
        self._session = (
            f"/session/{self.ask('/session', capabilities=always)['sessionId']}"
        )

    def ask(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(
            f"{self._address}{self._session}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def close(self) -> None:
        address = f"{self._address}{self._session}"
        urllib.request.urlopen(urllib.request.Request(address, method="DELETE")).close()

    def tell(self, command: str, **params: Any) -> Any:
        return self.ask("/goog/cdp/execute", cmd=command, params=params)

    def show(self, file: Path, width: int, height: int, scheme: str) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.tell("Emulation.setDeviceMetricsOverride", mobile=width < 500, **size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.tell("Emulation.setEmulatedMedia", features=[feature])
        self.ask("/url", url=file.as_uri())

    def run(self, script: str) -> Any:
        return self.ask("/execute/sync", script=script, args=[])

    def picture(self) -> bytes:
        return base64.b64decode(
            self.tell("Page.captureScreenshot", format="png")["data"]
        )


@contextmanager
def _browser(profile: Path) -> Iterator[_Browser]:
    driver = subprocess.Popen(
        ["chromedriver", "--port=9517"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert driver.stdout is not None
        for line in driver.stdout:
            if "started successfully" in line:
                break
        browser = _Browser("http://127.0.0.1:9517", profile)
        yield browser
        browser.close()
    finally:
        driver.terminate()
        driver.wait()


if __name__ == "__main__":
    main()
