"""A migrated database for the processes that the startup tests run."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store import embedded
from tests.startup.running import development, run


@pytest.fixture(scope="session")
def bare_server() -> Iterator[embedded.EmbeddedPostgres]:
    """An embedded server whose database has no tables; not durable, so quick."""
    with (
        tempfile.TemporaryDirectory(prefix="gengheng-startup-") as folder,
        embedded.start(Path(folder) / "books", durable=False) as server,
    ):
        yield server


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """A data folder that holds a migrated embedded database, stopped."""
    folder = tmp_path / "books"
    embedded.start(folder, durable=False).stop()
    done = run("migrate", env=development(folder))
    assert done.returncode == 0, done.stderr
    return folder
