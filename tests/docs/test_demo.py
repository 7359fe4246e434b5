"""`make demo` plays to its end, and leaves records that anyone can recompute."""

import json
from pathlib import Path

from tests.startup.running import environment, run

PUBLISHED = {"key-project": "allocate", "farmland-auction": "clear"}


def test_the_story_plays_and_what_it_published_recomputes(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = run("demo", "--folder", str(folder), env=environment(), timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "132,750.000000 万元, to the fen: 1,327,500,000.00 yuan" in done.stdout
    assert "Totals over all reserves are unchanged" in done.stdout
    assert "lacking 31.0000 farmland_quantity, 3.0000 paddy_area" in done.stdout
    assert "still owed: 0.5000 hm² farmland_quantity" in done.stdout
    assert "0.0000 hm² cancelled, 580.0000 hm² to be replaced by 恩阳区" in done.stdout
    assert "511903 恩阳区: FAIL: obligation_open 580.0000 hm²" in done.stdout
    assert "511923 平昌县: PASS" in done.stdout
    assert "checks hold." in done.stdout
    assert sorted(file.name for file in folder.glob("*.json")) == sorted(
        f"{name}.{part}.json" for name in PUBLISHED for part in ("record", "outcome")
    )
    assert {file.suffix for file in folder.glob("assessment-*")} == {".pdf", ".xlsx"}
    assert (folder / "confirmation-letter.pdf").read_bytes().startswith(b"%PDF-")
    for name, command in PUBLISHED.items():
        recomputed = run(command, str(folder / f"{name}.record.json"), env=environment())
        published = json.loads((folder / f"{name}.outcome.json").read_text("utf-8"))
        assert json.loads(recomputed.stdout) == published
