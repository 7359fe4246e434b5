"""A bounded load over HTTP/1.1, and the servers it is put on, one process each.

The client sends ready bytes and reads no more of an answer than its status and length: what is measured
is the server, on a machine that client, server and database share.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 30
CONNECTIONS = 32
ROOT = Path(__file__).parents[1]


def request(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole request as bytes; a body is JSON."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if method != "GET":
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(slots=True)
class Load:
    """What came of a load: how many answers of which status in how many seconds, and each one's seconds."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.waits) / self.seconds

    def quantile(self, share: float) -> float:
        """The wait in seconds that ``share`` of the answers stayed within."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def add(self, other: "Load") -> None:
        """Take another load's answers and seconds in."""
        self.seconds += other.seconds
        self.statuses += other.statuses
        self.waits += other.waits

    def insist(self, status: int) -> "Load":
        """Raise unless every answer had this status: a refusal is cheap, and proves no speed."""
        if set(self.statuses) != {status}:
            raise RuntimeError(f"all answers should be {status}, but were {dict(self.statuses)}")
        return self


class _Line(asyncio.Protocol):
    """One connection: a request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_ends = self._received.find(b"\r\n\r\n")
        if head_ends < 0 or self._answer is None:
            return
        head = bytes(self._received[:head_ends]).lower()
        at = head.find(b"\r\ncontent-length:")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._received) >= head_ends + 4 + length:
            status = int(self._received[9:12])
            self._received.clear()
            self._answer.set_result(status)

    async def ask(self, asked: bytes) -> int:
        """Send a request; return the answer's status."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(asked)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@contextlib.asynccontextmanager
async def _lines(port: int) -> AsyncIterator[list[_Line]]:
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(_Line, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    try:
        yield lines
    finally:
        for line in lines:
            line.close()


async def saturate(port: int, requests: Iterator[bytes], seconds: float) -> Load:
    """Ask on every connection again as soon as it has its answer; ends early where requests do."""
    load = Load()

    async def ask_on(line: _Line, until: float) -> None:
        while (asked_at := time.perf_counter()) < until:
            asked = next(requests, None)
            if asked is None:
                return
            load.statuses[await line.ask(asked)] += 1
            load.waits.append(time.perf_counter() - asked_at)

    async with _lines(port) as lines:
        started = time.perf_counter()
        await asyncio.gather(*(ask_on(line, started + seconds) for line in lines))
        load.seconds = time.perf_counter() - started
    return load


async def arrive(port: int, requests: Iterator[bytes], seconds: float, rate: float) -> Load:
    """Ask at a steady rate whatever the server does; a wait counts from when its request was due."""
    load = Load()
    async with _lines(port) as lines:
        free: asyncio.Queue[_Line] = asyncio.Queue()
        for line in lines:
            free.put_nowait(line)

        async def ask(asked: bytes, due: float) -> None:
            line = await free.get()
            load.statuses[await line.ask(asked)] += 1
            load.waits.append(time.perf_counter() - due)
            free.put_nowait(line)

        started = time.perf_counter()
        asking = []
        for number in range(int(seconds * rate)):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asking.append(asyncio.create_task(ask(next(requests), due)))
        await asyncio.gather(*asking)
        load.seconds = time.perf_counter() - started
    return load


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(arguments: list[str], ready: str, log: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """Run a server of ours in a process of its own until the block ends; yields its port.

    ``arguments`` follow the interpreter's name, with ``{port}`` where the port goes.
    """
    port = free_port()
    kept = {n: v for n, v in os.environ.items() if not n.startswith("GENGHENG_") and n != "PORT"}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, *(part.format(port=port) for part in arguments)],
            cwd=ROOT,
            env={**kept, **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        try:
            _await(server, f"http://127.0.0.1:{port}{ready}", log)
            yield port
        finally:
            server.terminate()
            try:
                server.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310  (loopback)
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server at {url} did not start:\n{log.read_text('utf-8')[-2000:]}")
