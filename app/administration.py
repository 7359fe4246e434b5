"""What those who run the service do on its database: tokens, the sample province, the development clock."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from app.market.access import Role
from app.market.errors import Refusal
from app.services import moved_clock, province, tokens, verification
from app.serving import opened_database
from app.settings import FolderNotUsable, Settings, StartRefused, load_settings
from app.store.database import Connection, Database
from app.store.preflight import check_database
from app.telemetry import configure_logs

T = TypeVar("T")

TOKEN_FILE = "tokens.env"  # noqa: S105  (a file's name)
SAMPLE_TOKEN_DAYS = 365


class AdministrationRefused(StartRefused):
    """The command was understood and refused; nothing has changed."""

    exit_status = 11


def on_database(
    settings: Settings, use: Callable[[Database], Awaitable[T]], *, lock_timeout_ms: int = 10_000
) -> T:
    """Use the service's database once; raises StartRefused with one clear line."""

    async def run(url: str) -> T:
        await check_database(url, production=not settings.is_development)
        # No timeout: a replay takes as long as the books are long, and locks nothing.
        database = Database.connect(url, pool_size=1, statement_timeout_ms=0, lock_timeout_ms=lock_timeout_ms)
        try:
            return await use(database)
        except Refusal as refusal:
            raise AdministrationRefused(refusal.detail, "Nothing was changed.") from None
        finally:
            await database.dispose()

    configure_logs(settings.log_shape, "warning")  # a command's own lines say what it did
    with opened_database(settings) as ready:
        if ready.database_url is None:
            raise AssertionError("opened_database gave no URL")
        return asyncio.run(run(ready.database_url.get_secret_value()))


def write(settings: Settings, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run one write on the service's database."""
    return on_database(settings, lambda database: database.transact(work))


def verify_books(report: Callable[[str], None]) -> verification.Verdict:
    """Replay every posting and hold the books against the trade, one line a check to ``report``."""
    return on_database(
        load_settings(), lambda database: database.read(partial(verification.verify, report=report))
    )


def create_token(*, label: str, jurisdiction: str, roles: Sequence[Role], days: int) -> tokens.MadeToken:
    """Make a token that holds for ``days`` from now."""
    expires_at = datetime.now(UTC) + timedelta(days=days)
    return write(
        load_settings(),
        partial(
            tokens.create,
            label=label,
            jurisdiction=jurisdiction,
            roles=frozenset(roles),
            expires_at=expires_at,
        ),
    )


def list_tokens() -> Sequence[tokens.TokenRow]:
    """Every token, without its secret."""
    return write(load_settings(), tokens.tokens)


def revoke_token(number: int) -> None:
    """Revoke a token at once."""
    write(load_settings(), partial(tokens.revoke, number=number))


def load_sample() -> tuple[int, Path]:
    """Load the sample province and, at the first time, its tokens; new units, and the tokens' file."""
    settings = _development("The sample province and its tokens are for a first look.")
    file = settings.data_dir / TOKEN_FILE
    expires_at = datetime.now(UTC) + timedelta(days=SAMPLE_TOKEN_DAYS)

    async def load(connection: Connection) -> tuple[int, dict[str, str]]:
        entered = await province.load_sample(connection)
        # The file is the only place the secrets are kept: while it is there, no new ones are made.
        made = {} if file.exists() else await province.make_sample_tokens(connection, expires_at=expires_at)
        return entered, dict(made)

    entered, made = write(settings, load)
    # After the commit: a file of tokens that were never made would keep new ones from being made.
    if made:
        _keep_secret(file, "".join(f"{name}={secret}\n" for name, secret in made.items()))
    return entered, file


def advance_clock(by: timedelta) -> datetime:
    """Move the exchange's clock ahead, in development only; the instant it then shows."""
    settings = _development("The clock is moved for tests and the demonstration.")
    if by <= timedelta():
        raise AdministrationRefused("The clock moves only ahead.", "Give a time such as 5d, 3h, 30m or 10s.")
    return write(settings, partial(moved_clock.advance, by=by))


def read_clock() -> datetime:
    """The exchange's clock."""
    return write(load_settings(), moved_clock.now)


def _development(why: str) -> Settings:
    settings = load_settings()
    if not settings.clock_offset_allowed:
        raise AdministrationRefused(
            f"This is a production service. {why}",
            "Set GENGHENG_ENVIRONMENT=development on another database.",
        )
    return settings


def _keep_secret(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise FolderNotUsable(
            f"The tokens can't be written to {file}: {error.strerror}.",
            "Set GENGHENG_DATA_DIR to a folder that can be written.",
        ) from None
