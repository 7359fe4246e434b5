"""Every worked case of tests/cases gives its expected outcome, unchanged, by each way in."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.documents.record_files import CASES as FOLDER
from tests.documents.record_files import COMMANDS as IN_PROCESS

CASES = sorted(FOLDER.glob("*.json"))
GENGHENG = Path(sys.executable).with_name("gengheng")


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text("utf-8"))
    return loaded


def test_there_are_cases_of_every_command() -> None:
    assert {path.stem.split("-")[0] for path in CASES} == set(IN_PROCESS)


def test_the_command_line_gives_the_expected_outcome_of_a_file(case: dict[str, Any], tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    record.write_text(json.dumps(case["record"]), "utf-8")
    done = subprocess.run([GENGHENG, case["command"], record], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == case["expected"]


def test_the_command_line_gives_the_expected_outcome_of_standard_input(case: dict[str, Any]) -> None:
    done = subprocess.run(
        [GENGHENG, case["command"], "-"],
        input=json.dumps(case["record"]).encode(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == case["expected"]


def test_the_rules_give_the_expected_outcome(case: dict[str, Any]) -> None:
    outcome = IN_PROCESS[case["command"]](json.dumps(case["record"]).encode())
    assert json.loads(outcome) == case["expected"]


def test_the_order_of_the_lists_in_the_record_changes_nothing(case: dict[str, Any]) -> None:
    record = {
        name: value[::-1] if isinstance(value, list) else value
        for name, value in reversed(case["record"].items())
    }
    outcome = IN_PROCESS[case["command"]](json.dumps(record).encode())
    assert json.loads(outcome) == case["expected"]
