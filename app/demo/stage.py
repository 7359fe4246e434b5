"""The stage: a server of the demonstration's own, its actors, its clock, and what it prints."""

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 60
_keys = itertools.count(1)


class DemoFailed(Exception):
    """The story went otherwise than it should; the message says at which step."""


class Actor:
    """Somebody with a token, speaking HTTP; every write gets an Idempotency-Key of its own."""

    def __init__(self, base_url: str, token: str | None) -> None:
        """Speak to ``base_url``; without a token, as the public."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=30)

    def get(self, path: str, **params: Any) -> Any:
        """GET, and return the answer's JSON."""
        return _checked(self._http.get(path, params=params))

    def text(self, path: str) -> str:
        """GET a published record as it is, byte for byte."""
        return self.content(path).decode()

    def content(self, path: str, **params: Any) -> bytes:
        """GET a document as it is, such as a letter or a sheet."""
        return _refuse_error(self._http.get(path, params=params)).content

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """POST, and return the answer's JSON."""
        return _checked(self._post(path, body))

    def refused(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST what must be refused, and return the problem."""
        answer = self._post(path, body)
        if answer.status_code < 400 or answer.status_code >= 500:
            raise DemoFailed(f"POST {path} should have been refused, but answered {answer.status_code}")
        return answer.json()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _post(self, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        return self._http.post(path, json=body or {}, headers={"Idempotency-Key": f"demo-{next(_keys)}"})


def _refuse_error(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise DemoFailed(
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
        )
    return answer


def _checked(answer: httpx.Response) -> Any:
    return _refuse_error(answer).json()


class Stage:
    """One run: a fresh data folder, a server on a free port of the loopback, and the clock."""

    def __init__(self, folder: Path) -> None:
        """Play in ``folder``, which is emptied first; records and outcomes stay in it afterwards."""
        self.folder = folder
        self._data = folder / "data"
        self._ahead = timedelta()
        self._actors: list[Actor] = []
        self._url = ""
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("GENGHENG_") and name != "PORT"
        } | {
            "GENGHENG_ENVIRONMENT": "development",
            "GENGHENG_DATA_DIR": str(self._data),
            "GENGHENG_WORKER_POLL_SECONDS": "0.2",
            "GENGHENG_LOG_LEVEL": "warning",
        }

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Make the database, load the sample province, serve; stop and clear the data at the end."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.gengheng("migrate")
        self.gengheng("sample")
        with _free_port() as port:
            self._url = f"http://127.0.0.1:{port}"
        with (self.folder / "server.log").open("wb") as log:
            server = subprocess.Popen(  # noqa: S603  (our own program)
                [_program(), "serve", "--host", "127.0.0.1", "--port", str(port)],
                env=self._environment,
                stdout=log,
                stderr=log,
            )
            try:
                self._await(server)
                yield
            finally:
                for actor in self._actors:
                    actor.close()
                server.terminate()
                server.wait(30)
        shutil.rmtree(self._data, ignore_errors=True)

    def actor(self, name: str | None = None) -> Actor:
        """The bearer of a demo token by its name in tokens.env; None is the public."""
        actor = Actor(self._url, None if name is None else self._tokens()[name])
        self._actors.append(actor)
        return actor

    def now(self) -> datetime:
        """The exchange's clock, as far as the demonstration moved it."""
        return datetime.now(UTC) + self._ahead

    def advance(self, **by: float) -> None:
        """Move the exchange's clock ahead (development only), by timedelta's arguments."""
        step = timedelta(**by)
        self.gengheng("clock", "advance", f"{int(step.total_seconds())}s")
        self._ahead += step
        say(f"    … the clock moves to {self.now():%Y-%m-%d %H:%M} UTC")

    def gengheng(self, *arguments: str) -> str:
        """Run the command line on this stage's data; raises DemoFailed with what it said."""
        done = subprocess.run(  # noqa: S603  (our own program, our own arguments)
            [_program(), *arguments], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise DemoFailed(
                f"gengheng {' '.join(arguments)} exited {done.returncode}: {done.stderr.strip()}"
            )
        return done.stdout

    def keep(self, name: str, record: str, outcome: str, command: str) -> None:
        """Keep a published record and outcome, and recompute the one from the other, offline."""
        record_file = self.folder / f"{name}.record.json"
        record_file.write_text(record, "utf-8")
        (self.folder / f"{name}.outcome.json").write_text(outcome, "utf-8")
        recomputed = self.gengheng(command, str(record_file))
        if json.loads(recomputed) != json.loads(outcome):
            raise DemoFailed(f"gengheng {command} {record_file} gives another outcome than was published")
        say(f"    gengheng {command} {name}.record.json gives the published outcome, offline.")

    def _tokens(self) -> dict[str, str]:
        lines = (self._data / "tokens.env").read_text("utf-8").splitlines()
        pairs = (
            line.removeprefix("export ").split("=", 1) for line in lines if "=" in line and line[0] != "#"
        )
        return {name: value.strip("'\"") for name, value in pairs}

    def _await(self, server: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if server.poll() is not None:
                break
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self._url}/readyz").status_code == 200:
                    return
            time.sleep(0.1)
        raise DemoFailed(f"the server did not start; {self.folder / 'server.log'} says why")


def _program() -> str:
    return str(Path(sys.executable).with_name("gengheng"))


@contextlib.contextmanager
def _free_port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


def say(text: str = "") -> None:
    """Print a line of the story at once."""
    print(text, flush=True)  # noqa: T201  (the demonstration speaks)


def step(title: str) -> None:
    """Print the title of a step."""
    say()
    say(f"■ {title}")
