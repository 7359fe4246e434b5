"""A migrated database for the processes that the startup tests run."""

import subprocess
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


@pytest.fixture(scope="session")
def migrated_books() -> Iterator[Path]:
    """A data folder with a migrated embedded database, stopped; to be copied, not used."""
    with tempfile.TemporaryDirectory(prefix="gengheng-startup-") as folder:
        books = Path(folder) / "books"
        embedded.start(books, durable=False).stop()
        done = run("migrate", env=development(books))
        assert done.returncode == 0, done.stderr
        yield books


@pytest.fixture
def books(migrated_books: Path, tmp_path: Path) -> Path:
    """A data folder of the test's own that holds a migrated embedded database, stopped."""
    # cp keeps the server's user as the owner, which shutil does not.
    subprocess.run(["cp", "-a", str(migrated_books), str(tmp_path / "books")], check=True)
    return tmp_path / "books"
