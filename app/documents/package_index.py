"""What has to be remembered of a package while it is read, kept on disk: memory does not grow with it.

A private SQLite file, gone when it is closed: the keys seen so far, and the rows of a CSV package's second
and third tables, which may stand in any order.
"""

import json
import sqlite3
from collections.abc import Iterator

from app.market.packages import Place


class PackageIndex:
    """An index on disk; close it when the package is read."""

    def __init__(self) -> None:
        """Make an empty one."""
        # An empty name is SQLite's for a temporary file with a small, fixed cache.
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._file.execute(
            "CREATE TABLE child (member TEXT, parent TEXT, line INTEGER, used INTEGER, fields TEXT, "
            "PRIMARY KEY (member, parent, line)) WITHOUT ROWID"
        )
        self._file.execute("BEGIN")

    def close(self) -> None:
        """Forget everything."""
        self._file.close()

    def first_line(self, key: str, line: int) -> int:
        """Note that a key stands in a line; return the first line that it stands in."""
        self._file.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, line))
        (first,) = self._file.execute("SELECT line FROM seen WHERE key = ?", (key,)).fetchone()
        return int(first)

    def keep_child(self, place: Place, parent: str, fields: dict[str, object]) -> None:
        """Keep a row of a further table under the key of the row that it belongs to."""
        self._file.execute(
            "INSERT INTO child VALUES (?, ?, ?, 0, ?)", (place.member, parent, place.line, json.dumps(fields))
        )

    def children(self, member: str, parent: str) -> list[tuple[Place, dict[str, object]]]:
        """The rows of a further table that belong to a key, in their order; they count as used now."""
        found = self._file.execute(
            "SELECT line, fields FROM child WHERE member = ? AND parent = ? ORDER BY line", (member, parent)
        ).fetchall()
        self._file.execute("UPDATE child SET used = 1 WHERE member = ? AND parent = ?", (member, parent))
        return [(Place(member, line), json.loads(fields)) for line, fields in found]

    def orphans(self) -> Iterator[tuple[Place, str]]:
        """The rows of further tables that no row asked for, and the key that they name."""
        for member, parent, line in self._file.execute(
            "SELECT member, parent, line FROM child WHERE used = 0 ORDER BY member, line"
        ):
            yield Place(member, line), parent
