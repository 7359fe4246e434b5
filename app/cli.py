"""The command line: ``gengheng``.

Imports stay inside the commands, so that the offline ones start fast and need no database.
"""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

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
