"""``gengheng clear | allocate | credit``: standard output, standard error and the exit status."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.documents.offline import read_source
from tests.documents.record_files import L0, ROUND, changed, text_of

GENGHENG = Path(sys.executable).with_name("gengheng")


def gengheng(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([GENGHENG, *arguments], input=stdin, capture_output=True, check=False)


def test_a_faulty_record_gets_a_line_per_fault_exit_status_2_and_no_outcome() -> None:
    faulty = changed(ROUND, (("rules", "lot"), "0"), ((*L0, "county"), ""))
    done = gengheng("clear", "-", stdin=json.dumps(faulty).encode())
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines() == [
        "$.rules.lot: must be above zero",
        "$.listings[0].county: must not be empty",
    ]


@pytest.mark.parametrize("command", ["clear", "allocate", "credit"])
def test_a_file_that_cannot_be_read_gets_a_line_and_exit_status_2(command: str, tmp_path: Path) -> None:
    for source in (tmp_path / "nowhere.json", tmp_path):
        done = gengheng(command, source)
        assert (done.returncode, done.stdout) == (2, b"")
        assert len(done.stderr.splitlines()) == 1
        assert b"can't be read" in done.stderr


def test_a_missing_argument_is_a_usage_error_without_a_traceback() -> None:
    done = gengheng("clear")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Traceback" not in done.stderr


def test_a_fault_that_holds_half_a_character_is_printed_in_any_locale() -> None:
    done = subprocess.run(
        [GENGHENG, "clear", "-"],
        input=text_of(ROUND, '"L1"', '"\\ud800成都\\n"'),
        capture_output=True,
        check=False,
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"$.listings[0].id: holds a lone surrogate, which is no character\n"


def test_the_offline_commands_load_neither_the_web_nor_the_database() -> None:
    heavy = {"fastapi", "sqlalchemy", "sqlmodel", "pydantic", "asyncpg", "httpx", "cryptography"}
    code = f"import sys, app.cli, app.documents.offline; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_standard_input_is_read_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    assert read_source("-") == b"\xff"
