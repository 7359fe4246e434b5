"""Upkeep (管护) of new farmland: who keeps it up, until when, and what its county reports each year."""

from datetime import date

from app.market.errors import Conflict, RuleBroken
from app.market.projects import ProjectState


def refuse_upkeep(state: ProjectState, until: date, today: date) -> None:
    """Refuse a duty that can't be; raises Conflict, RuleBroken."""
    _refuse_unaccepted(state)
    if until < today:
        raise RuleBroken(
            "upkeep_in_past", f"Upkeep lasts until today, {today}, or a later day.", field="until"
        )


def refuse_report(state: ProjectState, first_year: int, until: date | None, year: int, today: date) -> None:
    """Refuse a report of a year without upkeep; raises Conflict, RuleBroken."""
    _refuse_unaccepted(state)
    if until is None:
        raise Conflict("no_upkeep", "Name first who keeps the land up, and until when.")
    last_year = min(until.year, today.year)
    if not first_year <= year <= last_year:
        raise RuleBroken(
            "year_outside_upkeep",
            f"Upkeep is reported for the years {first_year} to {last_year}.",
            field="year",
        )


def _refuse_unaccepted(state: ProjectState) -> None:
    if state is not ProjectState.ACCEPTED:
        raise Conflict("not_accepted", f"The project is {state}: upkeep begins with its acceptance.")
