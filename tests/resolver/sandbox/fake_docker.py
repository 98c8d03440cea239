"""Stands in for the command ``docker``: containers are processes of this machine.

Knows the commands and options that the SDK's ``DockerWorkspace`` and this package use,
as the real one words them, and refuses all others. Images that were built hold what
their Dockerfile copies, and start what its ENTRYPOINT says. What it leaves out: layers,
``RUN``, users, and every boundary. Its state is a directory, ``FAKE_DOCKER``:

    broken/daemon     the daemon does not answer
    broken/pull       no image can be pulled
    broken/build      no image can be built
    broken/ports      so many containers find their port taken
    broken/start      containers stop at once
    calls.jsonl       the arguments of every call
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import time
import uuid
from pathlib import Path
from typing import Final, NoReturn


HERE: Final = Path(os.environ["FAKE_DOCKER"])
TARGETS: Final = "/opt/tiered-router/own/"
"""Where an image's copied files are, for its ENTRYPOINT."""


def main(words: list[str]) -> None:
    with (HERE / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(words) + "\n")
    two = " ".join(words[:2])
    if is_broken("daemon"):
        fail(1, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. ")
    if two in ("image inspect", "volume rm"):
        {"image inspect": image_inspect, "volume rm": volume_rm}[two](words[2:])
        return
    known = {
        "version": version,
        "pull": pull,
        "build": build,
        "run": run,
        "inspect": inspect,
        "logs": logs,
        "stop": stop,
    }
    if words[0] not in known:
        fail(1, f"docker: '{words[0]}' is not a docker command.")
    known[words[0]](words[1:])


def fail(code: int, said: str) -> NoReturn:
    print(said, file=sys.stderr)
    sys.exit(code)


def is_broken(part: str) -> bool:
    return (HERE / "broken" / part).exists()


def options(*flags: str, **names: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    for name, short in names.items():
        words = [f"--{name}", short] if short else [f"--{name}"]
        parser.add_argument(*words, action="append", default=[], dest=name)
    return parser


def image_dir(name: str) -> Path:
    return HERE / "images" / re.sub(r"[^\w.-]", "_", name)


def container_dir(id: str) -> Path:
    path = HERE / "containers" / id
    if not path.is_dir():
        fail(1, f"Error response from daemon: No such container: {id}")
    return path


def version(words: list[str]) -> None:
    found = options(format="").parse_args(words)
    print("linux/amd64" if found.format else "Client:\n Server:")


def image_inspect(words: list[str]) -> None:
    parser = options(format="")
    parser.add_argument("image")
    image = parser.parse_args(words).image
    if not image_dir(image).is_dir():
        fail(1, f"Error response from daemon: No such image: {image}")
    print("sha256:0")


def pull(words: list[str]) -> None:
    parser = options(platform="")
    parser.add_argument("image")
    image = parser.parse_args(words).image
    if is_broken("pull"):
        fail(1, f"Error response from daemon: pull access denied for {image}")
    print("latest: Pulling from there")
    image_dir(image).mkdir(parents=True)


def build(words: list[str]) -> None:
    parser = options(platform="", tag="")
    parser.add_argument("context", choices=["-"])
    tag = parser.parse_args(words).tag[0]
    place = image_dir(tag)
    if is_broken("build"):
        fail(1, "ERROR: failed to solve: no route to host")
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
        archive.extractall(place, filter="data")
    for source in re.findall(r"^COPY (\S+) ", (place / "Dockerfile").read_text(), re.M):
        if not (place / source).exists():
            fail(1, f"ERROR: failed to compute cache key: {source}: not found")


def run(words: list[str]) -> None:
    shorts = {"env": "-e", "volume": "-v", "publish": "-p"}
    parser = options("-d", "--rm", platform="", ulimit="", name="", **shorts)
    parser.add_argument("image")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args(words)
    port = int(asked.publish[0].split(":")[-2])
    if is_taken(port):
        fail(125, f"docker: Bind for :{port} failed: port is already allocated.")
    if not image_dir(asked.image).is_dir():
        fail(125, f"Unable to find image '{asked.image}' locally")
    id = uuid.uuid4().hex
    home = HERE / "containers" / id
    home.mkdir(parents=True)
    pairs = (volume.split(":") for volume in asked.volume)
    volumes = {target: name for name, target in pairs}
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    environment |= dict(e.split("=", 1) for e in asked.env)
    command = entry(image_dir(asked.image), environment, volumes)
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (home / "pid").write_text(str(process.pid))
    print(id)


def is_taken(port: int) -> bool:
    left = HERE / "broken" / "ports"
    if left.exists():
        number = int(left.read_text())
        if number:
            left.write_text(str(number - 1))
            return True
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def entry(
    image: Path, environment: dict[str, str], volumes: dict[str, str]
) -> list[str]:
    """The image's process, with its places on this machine; adds its variables."""
    if is_broken("start") or not (image / "Dockerfile").exists():
        return [sys.executable, "-c", "import sys; sys.exit('No module named x')"]
    text = (image / "Dockerfile").read_text()
    for setting in " ".join(re.findall(r"^ENV (.*)$", text, re.M)).split():
        name, value = setting.split("=", 1)
        for target, volume in volumes.items():
            place = HERE / "volumes" / volume
            place.mkdir(parents=True, exist_ok=True)
            value = value.replace(target, str(place))
        environment[name] = value
    (words,) = re.findall(r"^ENTRYPOINT (.*)$", text, re.M)
    found = json.loads(words)
    found = [f"{word}/".replace(TARGETS, f"{image}/")[:-1] for word in found]
    assert found[:2] == ["tini", "--"]
    assert found[2].endswith("/bin/python")
    return [sys.executable, *found[3:]]


def pid_of(home: Path) -> int:
    return int((home / "pid").read_text())


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def inspect(words: list[str]) -> None:
    parser = options(format="-f")
    parser.add_argument("id")
    found = parser.parse_args(words)
    assert found.format == ["{{.State.Running}}"]
    print("true" if runs(pid_of(container_dir(found.id))) else "false")


def logs(words: list[str]) -> None:
    sys.stdout.write((container_dir(words[-1]) / "log").read_text())


def stop(words: list[str]) -> None:
    home = container_dir(words[-1])
    pid = pid_of(home)
    if runs(pid):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    if runs(pid):
        os.killpg(pid, signal.SIGKILL)
    home.rename(HERE / "removed" / home.name)
    print(words[-1])


def volume_rm(words: list[str]) -> None:
    parser = options("--force")
    parser.add_argument("name")
    place = HERE / "volumes" / parser.parse_args(words).name
    if place.exists():
        place.rename(HERE / "removed" / place.name)


main(sys.argv[1:])
