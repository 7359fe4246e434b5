"""Settings are documented, typed, and refused when they are unsafe."""

import base64
import os
import re
import stat
from pathlib import Path

import pytest

from app.settings import FolderNotUsable, Settings, SettingsRefused, asyncpg_url, load_settings
from tests.startup.running import ROOT

KEY = base64.b64encode(bytes(range(32))).decode()
URL = "postgresql://clerk:s3cret@db.example/gengheng"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set, and nothing was read yet."""
    for name in list(os.environ):
        if name.startswith("GENGHENG_") or name == "PORT":
            monkeypatch.delenv(name)
    load_settings.cache_clear()


def refused(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused) as caught:
        load_settings()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def documented_settings() -> dict[str, str]:
    rows = re.findall(
        r"^\| `(GENGHENG_\w+)`[^|]*\| ([^|]*) \|", (ROOT / "docs/settings.md").read_text("utf-8"), re.M
    )
    return dict(rows)


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    assert set(documented_settings()) == {f"GENGHENG_{name.upper()}" for name in Settings.model_fields}


def test_documented_defaults_are_the_real_ones() -> None:
    told = documented_settings()
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, int | float) or name in {"environment", "host", "log_level"}:
            assert told[f"GENGHENG_{name.upper()}"] == f"`{field.default}`", name


def test_every_exit_status_is_documented() -> None:
    from app.administration import AdministrationRefused
    from app.serving import MigrationRefused, PortTaken
    from app.store.embedded import EmbeddedRefused
    from app.store.preflight import DatabaseTooOld, DatabaseUnreachable, SchemaNotMigrated

    told = re.findall(r"^\| (\d+) \|", (ROOT / "docs/settings.md").read_text("utf-8"), re.M)
    kinds = (
        SettingsRefused,
        PortTaken,
        DatabaseUnreachable,
        DatabaseTooOld,
        SchemaNotMigrated,
        FolderNotUsable,
        EmbeddedRefused,
        MigrationRefused,
        AdministrationRefused,
    )
    assert told == ["0", "1", "2", *(str(kind.exit_status) for kind in kinds)]


def test_production_is_the_default_and_needs_a_key_and_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "GENGHENG_SEALING_KEY is missing" in refused(monkeypatch)
    assert "GENGHENG_DATABASE_URL is missing" in refused(monkeypatch, GENGHENG_SEALING_KEY=KEY)
    monkeypatch.setenv("GENGHENG_DATABASE_URL", URL)
    settings = load_settings()
    assert settings.environment == "production"
    assert not settings.clock_offset_allowed
    assert settings.log_shape == "json"
    assert settings.sealing_key_bytes() == bytes(range(32))


def test_a_misspelt_setting_is_named_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refused(monkeypatch, GENGHENG_ENVIRONMENT="development", GENGHENG_WORKER="3")
    assert "GENGHENG_WORKER." in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GENGHENG_PORT", "eighty"),
        ("PORT", "70000"),
        ("GENGHENG_WORKERS", "0"),
        ("GENGHENG_ENVIRONMENT", "prod"),
        ("GENGHENG_LOG_LEVEL", "loud"),
        ("GENGHENG_DATABASE_URL", "mysql://host/gengheng"),
        ("GENGHENG_DATABASE_URL", "postgresql://host:port/gengheng"),
        ("GENGHENG_DATABASE_URL", "postgresql://host"),
        ("GENGHENG_PUBLIC_URL", "exchange.example"),
        ("GENGHENG_PUBLIC_URL", "https://"),
        ("GENGHENG_PUBLIC_URL", "https://clerk:s3cret@exchange.example"),
        ("GENGHENG_PUBLIC_URL", "https://exchange.example/?from=letter"),
        ("GENGHENG_SEALING_KEY", "c2hvcnQ="),
        ("GENGHENG_SEALING_KEY", "no base64 at all"),
        ("GENGHENG_MIGRATION_DATABASE_URL", URL),
    ],
)
def test_a_bad_value_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    values = {"GENGHENG_ENVIRONMENT": "development"} | {name: value}
    assert name.removeprefix("GENGHENG_") in refused(monkeypatch, **values)


def test_no_refusal_quotes_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in (
        "mysql://clerk:s3cret@host/x",
        "postgresql://clerk:s3cret@[host/x",
        "postgresql://u:s3cret@h:x/y",
    ):
        assert "s3cret" not in refused(
            monkeypatch, GENGHENG_DATABASE_URL=url, GENGHENG_SEALING_KEY="czNjcmV0"
        )


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENGHENG_DATABASE_URL", URL)
    monkeypatch.setenv("GENGHENG_SEALING_KEY", KEY)
    shown = repr(load_settings()) + str(load_settings())
    assert "s3cret" not in shown
    assert KEY not in shown


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgresql://u:p@h:1/d", "postgresql+asyncpg://u:p@h:1/d"),
        ("postgres://u@h/d?sslmode=require", "postgresql+asyncpg://u@h/d?ssl=require"),
        ("postgresql:///d?host=/run/pg", "postgresql+asyncpg:///d?host=/run/pg"),
        ("postgresql+asyncpg://u:p%40@h/d", "postgresql+asyncpg://u:p%40@h/d"),
    ],
)
def test_database_urls_name_the_driver(given: str, meant: str) -> None:
    assert asyncpg_url(given) == meant
    assert asyncpg_url(meant) == meant


def test_the_public_address_is_as_set_or_in_development_where_the_service_listens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (
        Settings(environment="development", data_dir=tmp_path, GENGHENG_PORT=8123).public_base_url  # type: ignore[call-arg]
        == "http://127.0.0.1:8123"
    )
    monkeypatch.setenv("GENGHENG_DATABASE_URL", URL)
    monkeypatch.setenv("GENGHENG_SEALING_KEY", KEY)
    assert load_settings().public_base_url is None, "a wrong one would be printed for good"
    load_settings.cache_clear()
    monkeypatch.setenv("GENGHENG_PUBLIC_URL", "https://exchange.example/market/")
    assert load_settings().public_base_url == "https://exchange.example/market"


def test_development_makes_one_sealing_key_and_keeps_it_to_itself(tmp_path: Path) -> None:
    settings = Settings(environment="development", data_dir=tmp_path / "books")
    key = settings.sealing_key_bytes()
    assert len(key) == 32
    assert Settings(environment="development", data_dir=tmp_path / "books").sealing_key_bytes() == key
    assert stat.S_IMODE((tmp_path / "books" / "sealing.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "books").iterdir()] == ["sealing.key"]


def test_a_damaged_sealing_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "sealing.key").write_text("damaged")
    with pytest.raises(SettingsRefused, match="damaged"):
        Settings(environment="development", data_dir=tmp_path).sealing_key_bytes()
    assert (tmp_path / "sealing.key").read_text() == "damaged"


def test_a_key_that_cannot_be_kept_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderNotUsable, match="GENGHENG_DATA_DIR"):
        Settings(environment="development", data_dir=tmp_path / "file" / "books").sealing_key_bytes()
