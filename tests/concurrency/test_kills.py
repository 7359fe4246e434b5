"""kill -9 of the server and of PostgreSQL in the middle of writes: the whole write or none of it, once.

Real processes on an embedded, durable database. Each round sends writes from several clients at once,
kills something at a random instant, and then: what was answered is there, the books hold, the service is
back by itself, what got no answer is sent again under its key, and a repetition changes nothing.
"""

import asyncio
import contextlib
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text

from app.market.indicators import Indicator
from app.services import verification
from app.services.province import load_sample
from app.settings import Settings
from app.store import clock, embedded
from app.store.database import Connection, Database, DatabaseUnavailable
from app.store.migration import migrate
from tests.awarded import Sale, awarded
from tests.conftest import Exchange
from tests.startup.running import Service, development, serving
from tests.startup.test_embedded import gone, wait_until
from tests.story import band, credited

BUYER, SELLERS = "510100", ("511922", "510182")
KILLS = ("worker", "server", "backend", "postmaster") * 3
SETTLEMENTS_A_ROUND = 4
OTHERS_A_ROUND = 7  # of each kind: listings, deposits, applications
CLIENTS = 8
RECOVERY_SECONDS = 30


@dataclass(frozen=True)
class Request:
    """A write and the key it is sent under, however often."""

    key: str
    token: str
    path: str
    body: dict[str, Any]


@dataclass
class Seeded:
    """What the rounds use up: a stopped data folder with paid trades, and tokens."""

    books: Path
    database_url: str
    trades: list[str]
    batch: str
    tokens: dict[str, str]


@pytest.fixture
async def seeded(tmp_path: Path, settings: Settings) -> AsyncIterator[Seeded]:
    """A data folder whose books hold paid trades with two sellers each, for every round."""
    books = tmp_path / "books"
    server = await asyncio.to_thread(embedded.start, books, durable=False)
    try:
        owner = Database.connect(server.url, role=None, pool_size=1)
        await migrate(owner)
        await owner.transact(load_sample)
        await owner.dispose()
        database = Database.connect(server.runtime_url, pool_size=5)
        exchange = Exchange(database, settings)
        async with exchange.http:
            made = await _seed(exchange, books, server.runtime_url)
        await database.dispose()
    finally:
        await asyncio.to_thread(server.stop)
    yield made


async def _seed(exchange: Exchange, books: Path, url: str) -> Seeded:
    await band(exchange, Indicator.FARMLAND_QUANTITY)
    wanted = len(KILLS) * SETTLEMENTS_A_ROUND
    trades = [
        await awarded(exchange, BUYER, [Sale(seller, 1000 + 7 * number) for seller in SELLERS])
        for number in range(wanted)
    ]
    buyer, treasurer = await exchange.county(BUYER), await exchange.treasurer()
    seller = await exchange.county(SELLERS[0])
    funded = {"amount": "99999999.00", "reference": "开户"}
    assert (await treasurer.post(f"/v1/accounts/{BUYER}/deposits", funded)).status_code == 201
    await exchange.advance(seconds=max(0.0, await _until_notice_ends(exchange)))
    for trade in trades:
        for step in ("confirmation", "payment"):
            done = await buyer.post(f"/v1/trades/{trade}/{step}")
            assert done.status_code == 201, done.text
    batches = await credited(exchange, SELLERS[0], {Indicator.FARMLAND_QUANTITY: "50.0000"})
    tokens = {
        name: client.token or ""
        for name, client in (("treasurer", treasurer), ("seller", seller), ("buyer", buyer))
    }
    return Seeded(books, url, trades, batches[Indicator.FARMLAND_QUANTITY], tokens)


async def _until_notice_ends(exchange: Exchange) -> float:
    async def left(connection: Connection) -> timedelta:
        found = await connection.execute(text("SELECT max(notice_ends_at) FROM trade"))
        ends_at: datetime = found.scalar_one()
        return timedelta(seconds=1) + ends_at - await clock.now(connection)

    return (await exchange.database.read(left)).total_seconds()


def settlements_of(seeded: Seeded, round_: int) -> list[Request]:
    """The settlements of one round."""
    first = round_ * SETTLEMENTS_A_ROUND
    return [
        Request(f"settle-{trade}", seeded.tokens["treasurer"], f"/v1/trades/{trade}/settlement", {})
        for trade in seeded.trades[first : first + SETTLEMENTS_A_ROUND]
    ]


def others_of(seeded: Seeded, round_: int) -> list[Request]:
    """The other writes of one round: listings, deposits and applications."""
    tokens = seeded.tokens
    made: list[Request] = []
    for number in range(OTHERS_A_ROUND):
        name = f"{round_}-{number}"
        listing = {"batch_id": seeded.batch, "quantity": "0.0100", "ask": None, "open_to_key_projects": True}
        deposit = {"amount": "1.00", "reference": f"入金 {name}"}
        filing = {"kind": "linkage", "title": name, "new_construction_area": "1.0000"}
        made += [
            Request(f"list-{name}", tokens["seller"], "/v1/listings", listing),
            Request(f"deposit-{name}", tokens["treasurer"], f"/v1/accounts/{SELLERS[1]}/deposits", deposit),
            Request(f"apply-{name}", tokens["buyer"], "/v1/land-applications", filing),
        ]
    return made


@dataclass
class Crowd:
    """Clients that send requests; what came back, by key."""

    url: str
    answers: dict[str, httpx.Response] = field(default_factory=dict)

    async def send(self, requests: Sequence[Request]) -> list[Request]:
        """Send each once, several at a time; return those that got no answer to rely on."""
        unanswered: list[Request] = []
        turn = asyncio.Semaphore(CLIENTS)

        async def one(http: httpx.AsyncClient, request: Request) -> None:
            async with turn:
                try:
                    answer = await self._post(http, request)
                except httpx.TransportError:
                    unanswered.append(request)
                    return
            if answer.status_code == 503:
                unanswered.append(request)
            else:
                self.answers[request.key] = answer

        async with self._client() as http:
            await asyncio.gather(*(one(http, request) for request in requests))
        return unanswered

    async def until_answered(self, many: int) -> None:
        """Wait until so many requests have their answers; by count, since machines differ in speed."""
        deadline = asyncio.get_running_loop().time() + RECOVERY_SECONDS
        while len(self.answers) < many:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.001)

    async def again(self, requests: Sequence[Request]) -> None:
        """Send each once more under its key: the same answer, kept, to the byte."""
        before = dict(self.answers)
        assert await self.send(requests) == []
        for request in requests:
            first, repeated = before[request.key], self.answers[request.key]
            assert (repeated.status_code, repeated.content) == (first.status_code, first.content)
            assert repeated.headers["idempotency-replayed"] == "true"

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=20)

    @staticmethod
    async def _post(http: httpx.AsyncClient, request: Request) -> httpx.Response:
        headers = {"Authorization": f"Bearer {request.token}", "Idempotency-Key": request.key}
        return await http.post(request.path, json=request.body, headers=headers)


class Running:
    """The service under kills; only a killed server is started again by hand."""

    def __init__(self, seeded: Seeded, folder: Path) -> None:
        self._seeded = seeded
        self._folder = folder
        self._starts = 0
        self._stack = contextlib.ExitStack()
        self.service: Service

    def start(self) -> None:
        """Start two workers on the embedded database, and wait until they serve."""
        self._starts += 1
        env = development(self._seeded.books, GENGHENG_WORKER_POLL_SECONDS="0.2")
        log = self._folder / f"log{self._starts}"
        self.service = self._stack.enter_context(serving(log, "--workers", "2", env=env))
        wait_until(lambda: len(self.service.workers()) == 2)

    def stop(self) -> None:
        """End everything; the service must still be able to end in good order."""
        self._stack.close()

    def kill(self, what: str) -> None:
        """kill -9 one of the processes that matter (the server: all of them, at once)."""
        victims = {
            "worker": self._workers()[:1],
            "server": [psutil.Process(self.service.process.pid), *self._workers()],
            "backend": self._backends()[:1],
            "postmaster": [psutil.Process(self._postmaster())],
        }[what]
        for process in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        if what == "server":
            self.service.process.wait()
            self._stack.close()
            wait_until(lambda: all(gone(process.pid) for process in victims))
            self.start()

    def _postmaster(self) -> int:
        return int((self._seeded.books / "postgres" / "postmaster.pid").read_text().split()[0])

    def _workers(self) -> list[psutil.Process]:
        return [psutil.Process(pid) for pid in self.service.workers() if not gone(pid)]

    def _backends(self) -> list[psutil.Process]:
        """The service's backends, those at work first; there may be none for a moment."""
        titles: dict[psutil.Process, str] = {}

        def look() -> bool:
            for process in psutil.Process(self._postmaster()).children():
                with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                    titles[process] = process.cmdline()[0]
            return any(" gengheng " in title for title in titles.values())

        wait_until(look)
        serving_us = [process for process, title in titles.items() if " gengheng " in title]
        return sorted(serving_us, key=lambda process: titles[process].rstrip().endswith(" idle"))


@pytest.fixture
def running(seeded: Seeded, tmp_path: Path) -> Iterator[Running]:
    """The service, started."""
    made = Running(seeded, tmp_path)
    made.start()
    yield made
    made.stop()


async def _effects(database: Database) -> Counter[str]:
    """How many writes of each kind took effect, by the first word of their keys."""

    async def count(connection: Connection) -> Counter[str]:
        verdict_lines: list[str] = []
        verdict = await verification.verify(connection, report=verdict_lines.append)
        assert verdict.faults == 0, "\n".join(verdict_lines)
        found = await connection.execute(
            text(
                """
                SELECT (SELECT count(*) FROM trade WHERE state = 'SETTLED') AS settle,
                       (SELECT count(*) FROM listing WHERE quantity = 100) AS list,
                       (SELECT count(*) FROM cash_movement WHERE amount = 100) AS deposit,
                       (SELECT count(*) FROM land_application WHERE kind = 'linkage') AS apply,
                       (SELECT count(*) FROM stored_answer
                         WHERE key ~ '^(settle|list|deposit|apply)-') AS kept
                """
            )
        )
        return Counter(dict(found.one()._mapping))

    deadline = asyncio.get_running_loop().time() + RECOVERY_SECONDS
    while True:
        try:
            return await database.read(count)
        except DatabaseUnavailable:
            assert asyncio.get_running_loop().time() < deadline, "the database does not come back"
            await asyncio.sleep(0.05)


def _kinds(requests: Sequence[Request]) -> Counter[str]:
    return Counter(request.key.split("-")[0] for request in requests)


async def test_a_write_is_whole_or_not_there_and_done_once_whatever_is_killed(
    seeded: Seeded, running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    kills = chance.sample(KILLS, len(KILLS))
    database = Database.connect(seeded.database_url, pool_size=1)
    done: Counter[str] = Counter()
    told: list[str] = []
    interrupted = 0
    for number, kill in enumerate(kills):
        settlements, others = settlements_of(seeded, number), others_of(seeded, number)
        chance.shuffle(others)
        # When so many are answered the settlements are under way.
        place = chance.randrange(len(others) - CLIENTS)
        requests = others[:place] + settlements + others[place:]
        crowd = Crowd(running.service.url)
        sending = asyncio.create_task(crowd.send(requests))
        await crowd.until_answered(place)
        await asyncio.sleep(chance.uniform(0, 0.02))
        await asyncio.to_thread(running.kill, kill)
        unanswered = await sending

        answered = [request for request in requests if request.key in crowd.answers]
        assert {answer.status_code for answer in crowd.answers.values()} <= {201}, (seed, crowd.answers)
        effects = await _effects(database)
        unheard = Counter[str]()
        for kind, sent in _kinds(requests).items():
            heard = _kinds(answered)[kind]
            unheard[kind] = effects[kind] - done[kind] - heard
            assert 0 <= unheard[kind] <= sent - heard, (seed, kill, kind, effects, done, heard)
        assert effects["kept"] == sum(effects.values()) - effects["kept"], "an effect without its answer"

        await asyncio.to_thread(running.service.wait_until, "/readyz", seconds=RECOVERY_SECONDS)
        crowd.url = running.service.url
        left = unanswered
        for _ in range(200):
            left = await crowd.send(left)
            if not left:
                break
            await asyncio.sleep(0.1)
        assert left == [], f"{kill}: no answer any more (seed {seed})"
        await crowd.again(requests)
        assert {answer.status_code for answer in crowd.answers.values()} == {201}
        done += _kinds(requests)
        assert await _effects(database) == done + Counter(kept=sum(done.values())), (seed, kill)
        interrupted += len(unanswered)
        told.append(
            f"{kill:11}{len(answered):3} answered,{len(unanswered):3} not, "
            f"{sum(unheard.values())} of those done"
        )
    await database.dispose()
    with capsys.disabled():
        print(f"\n  seed {seed}", *told, sep="\n  ")
    assert interrupted > 0, "no kill came into the middle of anything"
