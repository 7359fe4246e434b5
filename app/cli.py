"""The command line: ``gengheng``.

Imports stay inside the commands, so that the offline ones start fast and need no database.
"""

import re
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, TypeVar

import typer

T = TypeVar("T")

app = typer.Typer(
    name="gengheng",
    help="Gengheng 耕衡: the provincial exchange for farmland-balance and linkage indicators.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def gengheng() -> None:
    """One program: the service, its administration, and the offline checks anyone can run."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on; GENGHENG_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; GENGHENG_PORT or PORT.")] = None,
    workers: Annotated[int | None, typer.Option(help="How many processes; GENGHENG_WORKERS.")] = None,
) -> None:
    """Serve the exchange over HTTP until SIGTERM; docs/settings.md lists settings and exit statuses."""
    from app.serving import serve as run  # noqa: PLC0415

    run(host=host, port=port, workers=workers)


@app.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="The revision to go to, up or down.")] = "head",
) -> None:
    """Bring the database's schema to this release; safe to run twice, and twice at once."""
    from app.serving import migrate as run  # noqa: PLC0415

    run(revision)
    typer.echo(f"The schema is at {revision}.", err=True)


@app.command()
def verify() -> None:
    """Replay every posting and hold the books against the trade; exit status 1 if anything is wrong."""
    from app import administration  # noqa: PLC0415

    verdict = administration.verify_books(typer.echo)
    if verdict.faults:
        typer.echo(f"{verdict.faults} faults: the books do not hold.")
        raise typer.Exit(1)
    typer.echo(f"All {verdict.checks} checks hold.")


token = typer.Typer(help="Bearer tokens 访问令牌: make, list, revoke.", no_args_is_help=True)
app.add_typer(token, name="token")
clock = typer.Typer(help="The exchange's clock; it can be moved in development only.", no_args_is_help=True)
app.add_typer(clock, name="clock")


def _span(text: str) -> timedelta:
    """Read a span of time such as 5d3h."""
    parts = re.fullmatch(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?", text, re.ASCII)
    if parts is None or not text:
        raise typer.BadParameter("write it as 5d, 36h, 90m, 30s, or 5d3h")
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


@token.command("create")
def create_token(
    jurisdiction: Annotated[
        str, typer.Option(help="Code of the jurisdiction it is bound to, such as 511922")
    ],
    role: Annotated[list[str], typer.Option(help="A role; give the option again for another")],
    label: Annotated[str, typer.Option(help="Whose it is, for the list; no secrets")],
    days: Annotated[int, typer.Option(min=1, max=3660, help="For how many days it holds")] = 365,
) -> None:
    """Make a token and print its secret, once: only its SHA-256 is kept."""
    from app import administration  # noqa: PLC0415
    from app.market.access import Role  # noqa: PLC0415

    try:
        roles = [Role(name) for name in role]
    except ValueError as error:
        known = ", ".join(Role)
        raise typer.BadParameter(f"{error}; there are {known}", param_hint="--role") from None
    made = administration.create_token(label=label, jurisdiction=jurisdiction, roles=roles, days=days)
    typer.echo(f"Token {made.number} made; this is its secret, shown once:", err=True)
    typer.echo(made.secret)


@token.command("list")
def list_tokens() -> None:
    """List every token: number, jurisdiction, roles, label, until when."""
    from app import administration  # noqa: PLC0415

    for row in administration.list_tokens():
        state = "revoked" if row.revoked_at else f"until {row.expires_at:%Y-%m-%d}"
        roles = ",".join(sorted(row.roles))
        typer.echo(f"{row.number:>6}  {row.jurisdiction}  {roles}  {state}  {row.label}")


@token.command("revoke")
def revoke_token(number: Annotated[int, typer.Argument(help="As `gengheng token list` shows it")]) -> None:
    """Revoke a token; from the next request on it is refused."""
    from app import administration  # noqa: PLC0415

    administration.revoke_token(number)
    typer.echo(f"Token {number} is revoked.")


@app.command()
def sample() -> None:
    """Load the sample province (Sichuan) and, at the first time, demo tokens; development only."""
    from app import administration  # noqa: PLC0415

    entered, file = administration.load_sample()
    typer.echo(f"Sample province: {entered} new units of 四川省. Tokens: {file}", err=True)


@clock.command("advance")
def advance_clock(
    by: Annotated[str, typer.Argument(metavar="SPAN", help="5d, 36h, 90m, 30s, or 5d3h")],
) -> None:
    """Move the clock ahead and print the instant it then shows; development only."""
    from app import administration  # noqa: PLC0415

    typer.echo(f"{administration.advance_clock(_span(by)):%Y-%m-%dT%H:%M:%SZ}")


@clock.command("show")
def show_clock(
    ahead: Annotated[str, typer.Option(metavar="SPAN", help="Print the instant that much later")] = "0s",
) -> None:
    """Print the exchange's clock, in UTC."""
    from app import administration  # noqa: PLC0415

    typer.echo(f"{administration.read_clock() + _span(ahead):%Y-%m-%dT%H:%M:%SZ}")


@app.command()
def assess(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE|-", help="Where to; - for standard output.")
    ] = None,
    *,
    year: Annotated[int, typer.Option(min=1900, max=8998, help="A calendar year in China")],
    code: Annotated[str | None, typer.Option(help="One jurisdiction and those that belong to it")] = None,
    form: Annotated[str, typer.Option(help="json, xlsx or pdf")] = "json",
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with the books beside the ledger; write nothing")
    ] = False,
) -> None:
    """Write a year's assessment 年度考核, or verify it: exit status 1 where the books differ."""
    from app import assessment_files  # noqa: PLC0415
    from app.documents.assessment_forms import DocumentForm  # noqa: PLC0415

    if verify:
        differences = assessment_files.verify(year=year)
        for line in differences:
            typer.echo(line)
        if differences:
            typer.echo(f"{len(differences)} figures of {year} differ.")
            raise typer.Exit(1)
        typer.echo(f"The figures of {year} are the same from the ledger and from the books beside it.")
        return
    if file is None:
        raise typer.BadParameter("name a file, or - for standard output", param_hint="FILE")
    forms = {each.value: each for each in DocumentForm}
    assessment_files.write(file, year=year, code=code, form=_one_of("--form", forms, form))


package = typer.Typer(
    help="Packages for the ministry's systems 数据交换: export, import, check.", no_args_is_help=True
)
app.add_typer(package, name="package")
PackageFile = Annotated[str, typer.Argument(metavar="FILE|-", help="A package, or - for standard input.")]


@package.command("export")
def export_package(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Where to; - for standard output.")],
    *,
    kind: Annotated[str, typer.Option(help="filings, acceptances or write-offs")],
    form: Annotated[str, typer.Option(help="json (JSON Lines) or csv (tables in a .zip)")] = "json",
    county: Annotated[str | None, typer.Option(help="Code of one county; left out: all")] = None,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="Recorded on that day or later")] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Recorded on that day or before")] = None,
) -> None:
    """Write a package of what the exchange has recorded (docs/packages.md)."""
    from app import package_files  # noqa: PLC0415

    package_files.export(
        file,
        kind=_one_of("--kind", package_files.KINDS, kind),
        form=_one_of("--form", package_files.FORMS, form),
        county=county,
        since=_day("--since", since),
        until=_day("--until", until),
    )


@package.command("import")
def import_package(file: PackageFile) -> None:
    """Import a package, all of it or nothing; a faulty one gets a line per fault and exit status 2."""
    from app import package_files  # noqa: PLC0415

    _faults_or(lambda: package_files.import_(file))


@package.command("check")
def check_package(
    file: PackageFile,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only the package by itself; needs no exchange")
    ] = False,
) -> None:
    """Check form, checksum and every row as an import would, and change nothing."""
    from app import package_files  # noqa: PLC0415

    _faults_or(lambda: package_files.check(file, offline=offline))


def _faults_or(run: Callable[[], str]) -> None:
    """Say what was done; a faulty or unreadable package gets a line per fault and exit status 2."""
    from app.documents.offline import UnreadableRecord  # noqa: PLC0415

    try:
        typer.echo(run())
    except UnreadableRecord as unreadable:
        for line in unreadable.lines:
            print(line, file=sys.stderr)
        raise typer.Exit(2) from None


def _one_of(option: str, choices: Mapping[str, T], given: str) -> T:
    if given not in choices:
        raise typer.BadParameter(f"{given!r} is not one of {', '.join(choices)}", param_hint=option)
    return choices[given]


def _day(option: str, given: str | None) -> date | None:
    if given is None:
        return None
    try:
        return datetime.strptime(given, "%Y-%m-%d").date()  # noqa: DTZ007  (a day has no zone)
    except ValueError:
        raise typer.BadParameter("write it as 2026-03-01", param_hint=option) from None


RecordFile = Annotated[str, typer.Argument(metavar="FILE|-", help="A record file, or - for standard input.")]


@app.command()
def clear(record: RecordFile) -> None:
    """Clear a sealed-bid round from its record (gengheng/round/1) and print the outcome."""
    from app.documents.offline import clearing  # noqa: PLC0415

    _recompute(record, clearing)


@app.command()
def allocate(record: RecordFile) -> None:
    """Allocate listings to key-project needs from a record (gengheng/allocation/1); print the outcome."""
    from app.documents.offline import allocation  # noqa: PLC0415

    _recompute(record, allocation)


@app.command()
def credit(record: RecordFile) -> None:
    """Count what a project earns from its record (gengheng/project/1) and print the credits."""
    from app.documents.offline import crediting  # noqa: PLC0415

    _recompute(record, crediting)


@app.command()
def demo(
    folder: Annotated[str, typer.Option(help="Emptied first; what was published stays in it")] = "build/demo",
) -> None:
    """Play the story of the README over HTTP, against a server of its own 演示."""
    from pathlib import Path  # noqa: PLC0415

    from app.demo.acts import play  # noqa: PLC0415
    from app.demo.stage import DemoFailed  # noqa: PLC0415

    try:
        play(Path(folder).absolute())
    except DemoFailed as failure:
        typer.echo(f"The demonstration failed: {failure}", err=True)
        raise typer.Exit(1) from failure


def _recompute(source: str, outcome: Callable[[bytes], bytes]) -> None:
    """Print a record's outcome; a faulty or unreadable one gets a line per fault and exit status 2."""
    from app.documents.offline import UnreadableRecord, read_source  # noqa: PLC0415

    try:
        sys.stdout.buffer.write(outcome(read_source(source)))
    except UnreadableRecord as unreadable:
        for line in unreadable.lines:
            print(line, file=sys.stderr)
        raise typer.Exit(2) from None
    sys.stdout.buffer.flush()


def main() -> None:
    """Run the command line; a start that is refused ends in one line and its own exit status."""
    try:
        app()
    except Exception as error:
        from app.settings import StartRefused  # noqa: PLC0415  (the offline commands do without settings)

        if not isinstance(error, StartRefused):
            raise
        print(f"gengheng: {error}", file=sys.stderr)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
