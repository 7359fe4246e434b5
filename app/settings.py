"""Every setting of the service, read once from the environment, and refused when it is unsafe.

Names start with ``GENGHENG_`` (``PORT`` alone is taken too); docs/settings.md explains each of them, and
tests/startup/test_settings.py fails when one is missing there. docs/adr/0003 says what production refuses.
"""

import base64
import binascii
import os
import secrets
from functools import cache
from pathlib import Path
from typing import Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "GENGHENG_"
SEALING_KEY_BYTES = 32
_URL_SCHEMES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})


class StartRefused(Exception):
    """The service can't start: one line on what is wrong, one on how to put it right, an exit status."""

    exit_status = 1

    def __init__(self, wrong: str, remedy: str) -> None:
        self.wrong = wrong
        self.remedy = remedy
        super().__init__(f"{wrong} {remedy}")


class SettingsRefused(StartRefused):
    """A setting is missing, malformed, unknown or unsafe."""

    exit_status = 3


class FolderNotUsable(StartRefused):
    """The data folder can't be made, written or reached."""

    exit_status = 8


class Settings(BaseSettings):
    """The settings of one process; raises SettingsRefused through load_settings()."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    environment: Literal["production", "development"] = "production"
    database_url: SecretStr | None = None
    migration_database_url: SecretStr | None = None
    data_dir: Path = Path(".data")
    sealing_key: SecretStr | None = None

    public_url: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535, validation_alias=AliasChoices("GENGHENG_PORT", "PORT"))
    workers: int = Field(default=1, ge=1, le=64)
    stop_timeout_seconds: int = Field(default=20, ge=1, le=600)
    body_limit_bytes: int = Field(default=1024 * 1024, ge=1024, le=64 * 1024 * 1024)

    pool_size: int = Field(default=10, ge=1, le=200)
    statement_timeout_ms: int = Field(default=15_000, ge=100, le=600_000)
    lock_timeout_ms: int = Field(default=5_000, ge=50, le=600_000)
    migration_statement_timeout_ms: int = Field(default=600_000, ge=100, le=86_400_000)
    migration_lock_timeout_ms: int = Field(default=5_000, ge=50, le=600_000)
    worker_poll_seconds: float = Field(default=1.0, ge=0.05, le=3600)

    log_format: Literal["json", "console"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("database_url", "migration_database_url")
    @classmethod
    def _speak_asyncpg(cls, url: SecretStr | None) -> SecretStr | None:
        return None if url is None else SecretStr(asyncpg_url(url.get_secret_value()))

    @field_validator("public_url")
    @classmethod
    def _lead_somewhere(cls, url: str | None) -> str | None:
        return None if url is None else _public_url(url)

    @field_validator("sealing_key")
    @classmethod
    def _hold_a_whole_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            _decode_key(key.get_secret_value())
        return key

    @field_validator("data_dir")
    @classmethod
    def _stay_put(cls, data_dir: Path) -> Path:
        # Absolute at once: a later change of the working directory must not move the books.
        return data_dir.expanduser().absolute()

    @model_validator(mode="after")
    def _refuse_what_is_unsafe(self) -> Self:
        if self.migration_database_url is not None and self.database_url is None:
            raise ValueError(
                "GENGHENG_MIGRATION_DATABASE_URL is set, GENGHENG_DATABASE_URL is not: set both, or neither"
            )
        if self.environment == "production":
            # ADR 0003: a key in the data folder lies beside what it seals, and the embedded server has
            # one superuser that owns every table.
            if self.sealing_key is None:
                raise ValueError(
                    "GENGHENG_SEALING_KEY is missing: production needs 32 random bytes in base64 "
                    "(make them with: openssl rand -base64 32); "
                    "a first look does without: GENGHENG_ENVIRONMENT=development"
                )
            if self.database_url is None:
                raise ValueError(
                    "GENGHENG_DATABASE_URL is missing: production needs a PostgreSQL server of its own, "
                    "such as postgresql://user:password@host/gengheng"
                )
        return self

    @property
    def is_development(self) -> bool:
        """Whether this is a development, demo or test process."""
        return self.environment == "development"

    @property
    def clock_offset_allowed(self) -> bool:
        """Whether the clock may be moved (DESIGN: tests and the demo only); derived, never set."""
        return self.is_development

    @property
    def log_shape(self) -> Literal["json", "console"]:
        """The log format in force: what is set, else console in development and json in production."""
        return self.log_format or ("console" if self.is_development else "json")

    @property
    def public_base_url(self) -> str | None:
        """The address under which the public reaches the service, with no slash at its end, if it is known.

        In development the address to listen on. In production None unless it is set: a wrong one would be
        printed on letters for good.
        """
        if self.public_url is None and self.is_development:
            return f"http://{self.host}:{self.port}"
        return self.public_url

    def sealing_key_bytes(self) -> bytes:
        """The 32 bytes that wrap the auctions' private keys; raises FolderNotUsable.

        In development without GENGHENG_SEALING_KEY the key is made once, in the data folder, mode 0600.
        """
        if self.sealing_key is not None:
            return _decode_key(self.sealing_key.get_secret_value())
        if not self.is_development:
            raise SettingsRefused("There is no sealing key.", "Set GENGHENG_SEALING_KEY.")
        return _keep_development_key(self.data_dir / "sealing.key")


@cache
def load_settings() -> Settings:
    """The settings of this process, read from the environment the first time; raises SettingsRefused."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsRefused(
            f"Unknown settings in the environment: {', '.join(unknown)}.",
            "Correct the spelling or unset them; docs/settings.md lists every setting.",
        )
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsRefused(
            _faults_in_one_line(error), "docs/settings.md explains every setting."
        ) from None


def asyncpg_url(url: str) -> str:
    """The same database as an SQLAlchemy URL of the asyncpg driver; raises ValueError, never naming the URL.

    Takes ``postgresql://``, ``postgres://`` and ``postgresql+asyncpg://``; libpq's ``sslmode`` becomes
    ``ssl``, the driver's name for it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # The parser's own words may quote the password.
        raise ValueError(
            "the database URL can't be read (is a character of the password not %-coded?)"
        ) from None
    if parts.scheme not in _URL_SCHEMES:
        raise ValueError("a database URL starts with postgresql://")
    if not parts.path.strip("/"):
        raise ValueError("a database URL ends with the database's name, as in postgresql://host/gengheng")
    options = [("ssl" if name == "sslmode" else name, value) for name, value in parse_qsl(parts.query)]
    # urlunsplit drops an empty authority's slashes, which a socket's URL needs: postgresql:///name?host=/run
    rest = urlunsplit(("", "", parts.path, urlencode(options, safe="/:"), ""))
    return f"postgresql+asyncpg://{parts.netloc}{rest}"


def _public_url(url: str) -> str:
    """The address with no slash at its end; raises ValueError for what a browser can't be sent to."""
    parts = urlsplit(url)
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("https", "http") or not parts.hostname or not plain:
        raise ValueError("a public address starts with https:// and a host, as in https://exchange.example")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("a public address has no user, query or fragment")
    return url.rstrip("/")


def _decode_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the key is no base64") from None
    if len(key) != SEALING_KEY_BYTES:
        raise ValueError(f"the key is {len(key)} bytes long, not {SEALING_KEY_BYTES}")
    return key


def _keep_development_key(path: Path) -> bytes:
    """Read the key at path, or make it there; of several processes that try at once, one makes it."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "w") as file:
                    file.write(base64.b64encode(secrets.token_bytes(SEALING_KEY_BYTES)).decode())
                    file.flush()
                    os.fsync(file.fileno())
                # A link is made whole or not at all, and never over a key that another process made.
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return _decode_key(path.read_text().strip())
    except OSError as error:
        raise FolderNotUsable(
            f"The sealing key {path} can't be kept: {error.strerror}.",
            "Set GENGHENG_DATA_DIR to a folder that can be written.",
        ) from None
    except ValueError as error:
        raise SettingsRefused(
            f"The sealing key in {path} is damaged: {error}.",
            "Bring the file back from a backup: without it the bids it seals can't be opened.",
        ) from None


def _faults_in_one_line(error: ValidationError) -> str:
    """What is wrong with which setting; never the value, which may be a secret."""
    faults = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        said = fault["msg"].removeprefix("Value error, ")
        field = str(fault["loc"][0]) if fault["loc"] else ""
        name = field if not field or field.isupper() else f"{PREFIX}{field.upper()}"
        faults.append(f"{name}: {said}" if name else said)
    return "; ".join(faults).rstrip(".") + "."
