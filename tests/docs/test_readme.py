"""The README's first hour works as printed: a shell runs its blocks against a server of this test's own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Exchange
from tests.startup.running import ROOT, development, environment, run, serving

README = (ROOT / "README.md").read_text("utf-8")


def first_hour() -> str:
    """The shell blocks of the first hour, in order, as one script."""
    hour = README.split("## The first hour")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", hour, re.DOTALL))


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder that looks like a checkout after `make run`: .venv in it, and an empty .data."""
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    done = run("migrate", env=development(tmp_path / ".data"))
    assert done.returncode == 0, done.stderr
    done = run("sample", env=development(tmp_path / ".data"))
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_the_first_hour_works_as_printed(desk: Path) -> None:
    with serving(desk / "server.log", env=development(desk / ".data")) as service:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", first_hour()],
            cwd=desk,
            env=environment() | {"PORT": service.url.rpartition(":")[2]},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    problems = re.findall(r'"code": "([a-z_]+)"', "".join(re.findall(r'"status": 4.*?\n.*?\n', done.stdout)))
    assert problems == ["above_ceiling"], done.stdout
    assert "\nthe same\n" in done.stdout
    assert '"state": "SETTLED"' in done.stdout
    assert re.search(r"All \d+ checks hold\.", done.stdout), done.stdout[-2000:]
    assert '"available": "6400000.00"' in done.stdout, "320,000 yuan × 20 hm² reach the county"


@pytest.mark.parametrize("target", ["run", "demo", "test", "check", "bench", "lock"])
def test_every_make_target_that_the_readme_names_is_there(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", re.findall(r"`((?:app|docs|tests|benchmarks)/[a-z_/.]+?)/?`", README))
def test_every_place_that_the_readme_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


NOTICE = README.split("## What the notice asks, and where it is")[1].split("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in NOTICE.splitlines()
    if line.startswith("| ") and not line.startswith("| article")
]
"""Article, what it asks, where it is, and what shows it."""


def test_every_article_of_the_notice_has_its_place_and_its_test() -> None:
    assert list(dict.fromkeys(row[0] for row in ROWS)) == list("一二三四五六七八—")
    for _, asked, where, shown in ROWS:
        assert asked
        assert re.findall(r"`(/v1/[^`]+|gengheng [a-z]+)`", where), where
        tests = re.findall(r"`(tests/[a-z_/]+\.py)`", shown)
        assert tests, asked
        assert all((ROOT / test).exists() for test in tests), shown


def test_every_address_and_command_of_the_notice_table_is_there(exchange: Exchange) -> None:
    addresses = set(exchange.app.openapi()["paths"])
    named = [place for _, _, where, _ in ROWS for place in re.findall(r"`([^`]+)`", where)]
    assert {place for place in named if place.startswith("/v1/")} <= addresses
    for command in {place for place in named if not place.startswith("/v1/")}:
        assert run(*command.split()[1:], "--help", env=environment()).returncode == 0, command
