"""No Docker engine is needed to know that the image works: its own lines are run in a folder instead.

The RUN lines of the build stage make a fresh virtual environment from the hashed requirements, ``/srv``
standing for a temporary folder; then the CMD serves, as production does, on a PostgreSQL whose logins are
made by the SQL that docs/settings.md gives.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.store import embedded
from tests.startup.running import ROOT, environment, serving
from tests.startup.test_embedded import ask

KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's lines as (instruction, rest); none of ours is continued."""
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    found = [re.fullmatch(r"([A-Z]+) (.+)", line) for line in lines if line and not line.startswith("#")]
    assert all(found), "a line this test can't read"
    return [(match.group(1), match.group(2)) for match in found if match]


def stages() -> list[list[tuple[str, str]]]:
    parts: list[list[tuple[str, str]]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            parts.append([])
        parts[-1].append(instruction)
    return parts


def test_the_image_is_small_and_runs_as_nobody_special() -> None:
    build, final = stages()
    assert [text for name, text in build if name == "FROM"] == ["python:3.13-slim AS build"]
    assert ("COPY", "--from=build /srv /srv") in final
    names = [name for name, _ in final]
    assert names.index("USER") < names.index("CMD")
    assert dict(final)["USER"].isdigit()
    assert dict(final)["USER"] != "0"
    assert "/readyz" in dict(final)["HEALTHCHECK"]
    assert "curl" not in dict(final)["HEALTHCHECK"]
    installs = [text for name, text in build if name == "RUN" and "pip install" in text]
    assert installs
    assert all("--require-hashes" in text and "requirements/run.txt" in text for text in installs)


def test_everything_the_build_copies_is_let_through_to_it() -> None:
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")
    }
    copied = {text.split()[0] for name, text in stages()[0] if name == "COPY"}
    assert copied == allowed


def test_the_composed_logins_are_the_documented_ones() -> None:
    composed = re.findall(r"^ +(CREATE .+);$", (ROOT / "compose.yaml").read_text("utf-8"), re.M)

    def shape(statement: str) -> str:
        return re.sub(r"PASSWORD (:'\w+'|'(?:[^']|'')*')", "PASSWORD …", statement)

    assert [shape(s) for s in composed] == [shape(s) for s in documented_sql()]


def test_compose_gives_no_secret_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text("utf-8")
    for name in ("POSTGRES_PASSWORD", "OWNER_PASSWORD", "SERVICE_PASSWORD", "GENGHENG_SEALING_KEY"):
        uses = re.findall(r"\$\{" + name + r"([^}]*)\}", text)
        assert uses
        assert set(uses) == {":?set it in .env"}


def documented_sql() -> list[str]:
    found = re.search(r"```sql\n(.+?)```", (ROOT / "docs/settings.md").read_text("utf-8"), re.S)
    assert found
    return [line.rstrip(";") for line in found.group(1).splitlines()]


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    """What the build stage leaves under /srv, made by its own COPY and RUN lines."""
    srv = tmp_path / "srv"
    workdir = srv / "gengheng"
    workdir.mkdir(parents=True)
    for name, text in stages()[0]:
        if name == "COPY":
            source, target = text.split()
            (workdir / target).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, workdir / target, ignore=ignored)
            else:
                shutil.copy(ROOT / source, workdir / target)
        elif name == "RUN":
            command = text.replace("/srv/", f"{srv}/")
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=workdir,
                env=environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return srv


def test_the_images_own_lines_install_migrate_serve_and_prove_healthy(srv: Path, tmp_path: Path) -> None:
    final = stages()[1]
    settings = dict(text.split("=", 1) for name, text in final if name == "ENV")
    settings = {name: value.replace("/srv/", f"{srv}/") for name, value in settings.items()}
    settings["PATH"] = settings["PATH"].replace("$PATH", environment()["PATH"])
    settings["GENGHENG_HOST"] = "127.0.0.1"  # nothing here listens on the network
    with embedded.start(tmp_path / "database", durable=False) as server:
        ask(server, "DROP DATABASE IF EXISTS elsewhere", "DROP ROLE gengheng_service, gengheng_runtime")
        for statement in documented_sql():
            ask(server, statement.replace("CREATE DATABASE gengheng ", "CREATE DATABASE production "))
        there = server.url.replace("/gengheng?", "/production?").replace("+asyncpg", "")
        env = environment(
            **settings,
            GENGHENG_DATABASE_URL=there.replace("postgres@", "gengheng_service@"),
            GENGHENG_MIGRATION_DATABASE_URL=there.replace("postgres@", "gengheng_owner@"),
            GENGHENG_SEALING_KEY=KEY,
        )
        workdir = srv / "gengheng"
        gengheng, *start = json.loads(dict(final)["CMD"])
        program = shutil.which(gengheng, path=env["PATH"])
        assert program == str(srv / "venv" / "bin" / "gengheng")
        done = subprocess.run(
            [program, "migrate"], cwd=workdir, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert start == ["serve"]
        with serving(tmp_path / "log", env=env, command=(program,), cwd=workdir) as service:
            assert service.get("/healthz").status_code == 200
            probe = json.loads(dict(final)["HEALTHCHECK"].split("CMD", 1)[1])
            port = service.url.rsplit(":", 1)[1]
            healthy = subprocess.run(probe, env=env | {"GENGHENG_PORT": port}, check=False)
            assert healthy.returncode == 0
            assert service.stop() == 0
        assert all(line["level"] == "info" for line in service.lines())
