"""The command line: ``gengheng``.

Imports stay inside the commands, so that the offline ones start fast and need no database.
"""

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


def main() -> None:
    """Run the command line."""
    app()
