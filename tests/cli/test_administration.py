"""The administration's commands: tokens, the sample province, and the development clock."""

import asyncio
import re
import shlex
import stat
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.services.province import BEARERS
from app.settings import Settings
from app.store.database import Database
from tests.conftest import SEALING_KEY, Client, Exchange
from tests.startup.running import development, environment, refusal, run

SECRET = re.compile(r"gh_[A-Za-z0-9_-]{43}")


class Command:
    """``gengheng`` in a process of its own, on one database."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.env = development(data_dir, GENGHENG_DATABASE_URL=self.url)

    async def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return await asyncio.to_thread(run, *arguments, env=self.env)

    async def done(self, *arguments: str) -> str:
        """Run it, expect success, and return what it printed."""
        ended = await self(*arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def in_production(self) -> None:
        """From now on the settings are a production service's."""
        self.env = environment(
            GENGHENG_ENVIRONMENT="production",
            GENGHENG_DATA_DIR=self.data_dir,
            GENGHENG_DATABASE_URL=self.url,
            GENGHENG_SEALING_KEY=SEALING_KEY,
        )


@pytest.fixture
def gengheng(committed: Database, tmp_path: Path) -> Command:
    """The command on a database with the sample province."""
    return Command(committed, tmp_path / "data")


async def test_a_token_is_shown_once_and_holds_until_it_is_revoked(
    gengheng: Command, live_exchange: Exchange, settings: Settings
) -> None:
    made = await gengheng(
        *("token", "create", "--jurisdiction", "511922", "--label", "南江县 张"),
        *("--role", "county_officer", "--role", "auditor", "--days", "30"),
    )
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert SECRET.fullmatch(secret)
    assert secret not in made.stderr
    bearer = Client(live_exchange.http, secret)
    me = (await bearer.get("/v1/self")).json()
    assert me == {
        "label": "南江县 张",
        "jurisdiction": "511922",
        "roles": ["auditor", "county_officer"],
    }
    listed = await gengheng.done("token", "list")
    (line,) = [line for line in listed.splitlines() if "南江县 张" in line]
    number = line.split()[0]
    assert "auditor,county_officer" in line and "until" in line
    assert secret not in listed and not SECRET.search(listed)
    await gengheng.done("token", "revoke", number)
    assert (await bearer.get("/v1/self")).status_code == 401
    assert "revoked" in next(
        line for line in (await gengheng.done("token", "list")).splitlines() if "南江县 张" in line
    )
    again = await gengheng("token", "revoke", number)
    assert again.returncode == 11
    assert number in refusal(again)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--jurisdiction", "999999", "--role", "auditor"), 11, "999999"),
        (("--jurisdiction", "511922", "--role", "emperor"), 2, "county_officer"),
        (("--jurisdiction", "511922"), 2, "--role"),
        (("--jurisdiction", "511922", "--role", "auditor", "--days", "0"), 2, "--days"),
    ],
)
async def test_a_token_that_can_not_be_is_refused_in_words(
    gengheng: Command, arguments: tuple[str, ...], status: int, said: str
) -> None:
    ended = await gengheng("token", "create", "--label", "x", *arguments)
    assert (ended.returncode, ended.stdout) == (status, "")
    assert said in ended.stderr and "Traceback" not in ended.stderr
    assert (await gengheng.done("token", "list")) == ""


async def test_the_sample_makes_its_tokens_once_and_keeps_them_to_their_owner(
    gengheng: Command, live_exchange: Exchange
) -> None:
    await gengheng.done("sample")
    file = gengheng.data_dir / "tokens.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = dict(line.split("=", 1) for line in file.read_text("utf-8").splitlines())
    assert set(kept) == set(BEARERS)
    for name, secret in kept.items():
        # Read by a shell as it stands.
        assert shlex.split(secret) == [secret]
        me = (await Client(live_exchange.http, secret).get("/v1/self")).json()
        assert (me["jurisdiction"], me["roles"]) == (BEARERS[name][0], [BEARERS[name][1]])
    before = file.read_bytes()
    await gengheng.done("sample")
    assert file.read_bytes() == before
    assert len((await gengheng.done("token", "list")).splitlines()) == len(BEARERS)


async def test_the_clock_is_shown_and_moved_ahead_for_everybody(
    gengheng: Command, live_exchange: Exchange
) -> None:
    before = await live_exchange.now()
    moved = datetime.fromisoformat((await gengheng.done("clock", "advance", "5d3h")).strip())
    shown = datetime.fromisoformat((await gengheng.done("clock", "show")).strip())
    span = timedelta(days=5, hours=3)
    for instant in (moved, shown, await live_exchange.now()):
        assert timedelta(seconds=-1) <= instant - before - span < timedelta(minutes=2)


@pytest.mark.parametrize("span", ["", "5", "-1h", "1.5h", "h", "3h5d", "٣h"])
def test_a_span_that_is_none_is_refused_before_anything_is_opened(span: str) -> None:
    ended = CliRunner().invoke(app, ["clock", "advance", "--", span])
    assert ended.exit_code == 2
    assert "5d3h" in ended.stderr


async def test_the_clock_does_not_stand_still_on_command(gengheng: Command, live_exchange: Exchange) -> None:
    before = await live_exchange.now()
    ended = await gengheng("clock", "advance", "0s")
    assert (ended.returncode, ended.stdout) == (11, "")
    assert "ahead" in refusal(ended)
    assert await live_exchange.now() - before < timedelta(minutes=2)


async def test_production_has_neither_sample_nor_a_clock_to_move(gengheng: Command) -> None:
    gengheng.in_production()
    for command in (("sample",), ("clock", "advance", "1d")):
        ended = await gengheng(*command)
        assert (ended.returncode, ended.stdout) == (11, "")
        assert "production" in refusal(ended)
    assert not gengheng.data_dir.exists()
