"""docs/formats.md shows records that are sound, and the very outcomes that they have."""

import json
import re
from pathlib import Path

import pytest

from tests.documents.record_files import COMMAND, COMMANDS, Json

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
EXAMPLES: list[Json] = [
    json.loads(block) for block in re.findall(r'^    \{"format".*(?:\n    .*)*', PAGE, flags=re.MULTILINE)
]


def test_every_format_has_its_example() -> None:
    names = [example["format"] for example in EXAMPLES]
    assert names[::2] == list(COMMAND)
    assert names[1::2] == ["gengheng/outcome/1", "gengheng/allocation-outcome/1", "gengheng/credit/1"]


@pytest.mark.parametrize(("record", "outcome"), list(zip(EXAMPLES[::2], EXAMPLES[1::2], strict=True)))
def test_the_outcome_on_the_page_is_the_outcome_of_the_record_above_it(record: Json, outcome: Json) -> None:
    assert json.loads(COMMANDS[COMMAND[record["format"]]](json.dumps(record).encode())) == outcome
