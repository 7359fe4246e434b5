"""Run the real command line in processes of its own, and end every one of them."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).parents[2]
GENGHENG = (sys.executable, "-m", "app.cli")
START_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_SECONDS = 30


def environment(**settings: object) -> dict[str, str]:
    """The environment of this process with these settings and no others."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith("GENGHENG_") and n != "PORT"}
    return kept | {name: str(value) for name, value in settings.items()}


def development(data_dir: Path, **settings: object) -> dict[str, str]:
    """The environment of a development process with its books in ``data_dir``."""
    return environment(
        GENGHENG_ENVIRONMENT="development",
        GENGHENG_DATA_DIR=data_dir,
        GENGHENG_LOG_FORMAT="json",
        **settings,
    )


def run(*arguments: str, env: dict[str, str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run ``gengheng`` with these arguments to its end."""
    return subprocess.run(
        [*GENGHENG, *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line a refused start ends with; there is never a traceback."""
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("gengheng: ")]
    assert len(lines) == 1, done.stderr
    assert done.stderr.splitlines()[-1] == lines[0]
    return lines[0]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Service:
    """A running ``gengheng serve`` and what it has logged so far."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """The log lines, which are JSON objects all."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    def get(self, path: str) -> httpx.Response:
        """Ask once, on a connection of its own."""
        return httpx.get(self.url + path, timeout=10, trust_env=False)

    def workers(self) -> list[int]:
        """The ids of the processes that serve."""
        said = (re.search(r"Started server process \[(\d+)\]", line["event"]) for line in self.lines())
        return [pid for found in said if found and psutil.pid_exists(pid := int(found.group(1)))]

    def wait_until(self, path: str = "/readyz", *, seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Ask until the answer is 200."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text("utf-8")
            with contextlib.suppress(httpx.TransportError):
                if self.get(path).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{path} isn't 200 after {seconds} s\n{self.log.read_text('utf-8')}")

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT_SECONDS)


@contextlib.contextmanager
def serving(
    log: Path, *arguments: str, env: dict[str, str], command: tuple[str, ...] = GENGHENG, cwd: Path = ROOT
) -> Iterator[Service]:
    """Serve on a free port until the block ends; whatever is left then is killed."""
    port = free_port()
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, "serve", *arguments],
            cwd=cwd,
            env=env | {"GENGHENG_PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
        )
    service = Service(process, f"http://127.0.0.1:{port}", log)
    try:
        service.wait_until()
        yield service
        if process.poll() is None:
            service.stop()
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        if process.poll() is None:
            process.kill()
            process.wait()
