"""What the rows of a package do to the exchange: entered if new, passed over if there, blamed if different.

Each kind has an importer that takes chunks of rows in their order, on one open transaction. It writes as it
goes; where any row of the package is faulty, the caller rolls everything back.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

from app.documents.package_rows import Object, Polygons, acceptance_object, filing_object
from app.market.acceptances import Acceptance
from app.market.errors import Refusal
from app.market.filings import Filing
from app.market.indicators import Indicator
from app.market.jurisdictions import Level
from app.market.packages import AcceptedFiling, PackageFaults, PackageValue, Place
from app.market.parcels import Shape
from app.market.particulars import refuse_particulars
from app.market.projects import ProjectState
from app.market.units import format_quantities
from app.services import parcels as maps
from app.services import projects
from app.services.acceptances import Decision, decide
from app.services.days import day_of
from app.services.policies import PoliciesByDay
from app.store import certified, packages, parcels
from app.store import projects as register
from app.store.database import Connection
from app.store.projects import ProjectRow

T = TypeVar("T")
Rows = Sequence[tuple[Place, T]]

FILES = frozenset({Level.CITY, Level.COUNTY, Level.FUNCTIONAL_ZONE})
"""Who files projects."""

KEYS_AT_ONCE = 5_000

POLYGONS = Polygons(maps.draw, maps.geojson)


@dataclass(frozen=True, slots=True)
class Import:
    """What every importer works with: the transaction, who imports, when, and where faults go."""

    connection: Connection
    actor: str
    at: datetime
    faults: PackageFaults
    levels: Mapping[str, Level]


class Importer(Protocol):
    """Takes the rows of one kind."""

    async def hold(self, values: Iterable[PackageValue]) -> None:
        """Lock all that the rows will touch, in the order of ADR 0004, before anything is decided."""

    async def take(self, rows: Rows[PackageValue]) -> int:
        """Take rows; return how many were new here. What is wrong with them goes to the faults."""


class FilingImporter:
    """Files projects as their counties would, by the rules of ``services.projects.file``."""

    def __init__(self, given: Import) -> None:
        """Work within one import."""
        self._given = given
        self._policies = PoliciesByDay(given.connection)

    async def hold(self, values: Iterable[PackageValue]) -> None:
        """Nothing: what is filed touches nothing that was there."""

    async def take(self, rows: Rows[PackageValue]) -> int:
        """File what is new."""
        given = self._given
        filings = [(place, value) for place, value in rows if isinstance(value, Filing)]
        there = await _filed_under(given.connection, [each.papers.filing_no or "" for _, each in filings])
        shapes = await parcels.shapes(given.connection, [row.id for row in there.values()])
        new: list[tuple[Place, Filing]] = []
        for place, filing in filings:
            if given.levels.get(filing.county) not in FILES:
                problem = f"no county or city of this province has the code {filing.county}"
                given.faults.add(place, "county", problem)
            elif (row := there.get(filing.papers.filing_no or "")) is None:
                whole = await self._with_particulars(place, filing)
                new += [] if whole is None else [(place, whole)]
            else:
                known = filing_object(known_filing(row, shapes), POLYGONS)
                for field, problem in differences(filing_object(filing, POLYGONS), known):
                    given.faults.add(place, field, problem)
        # Once something is faulty nothing will stand, and there is only to see what else is wrong: what
        # lies on the map is judged by being put on it.
        drawn = any(filing.shapes for _, filing in new)
        if new and (drawn or not given.faults.count):
            await self._enter(new)
        return len(new)

    async def _with_particulars(self, place: Place, filing: Filing) -> Filing | None:
        """The filing with the day that its department's duty ends; none where its particulars can't be."""
        today = day_of(self._given.at)
        try:
            refuse_particulars(filing.particulars, started_on=filing.papers.started_on, today=today)
        except Refusal as refusal:
            self._given.faults.add(place, refusal.field or "", refusal.detail)
            return None
        particulars = await projects.with_its_due_day(self._policies, filing.particulars)
        return replace(filing, particulars=particulars)

    async def _enter(self, filings: Rows[Filing]) -> None:
        """Enter filings together; where one of them is refused, by halves, until it is known which."""
        given = self._given
        attempt = await given.connection.begin_nested()
        try:
            await projects.enter_filings(
                given.connection, [filing for _, filing in filings], actor=given.actor, at=given.at
            )
        except Refusal as refusal:
            await attempt.rollback()
            if len(filings) == 1:
                given.faults.add(filings[0][0], refusal.field or "", refusal.detail)
                return
            half = len(filings) // 2
            await self._enter(filings[:half])
            await self._enter(filings[half:])
        else:
            await attempt.commit()


class AcceptanceImporter:
    """Accepts projects as the regulator would, by the rules of ``services.projects.accept``."""

    def __init__(self, given: Import) -> None:
        """Work within one import."""
        self._given = given
        self._policies = PoliciesByDay(given.connection)

    async def hold(self, values: Iterable[PackageValue]) -> None:
        """Lock the projects, then the map where they are on it, then their counties' registers."""
        connection = self._given.connection
        await packages.begin_naming(connection)
        keys: list[str] = []
        for value in values:
            keys += [value.filing_no] if isinstance(value, AcceptedFiling) else []
            if len(keys) >= KEYS_AT_ONCE:
                await packages.name(connection, keys)
                keys.clear()
        await packages.name(connection, keys)
        counties = await packages.hold_named_projects(connection)
        if await packages.any_named_project_is_mapped(connection):
            await parcels.hold(connection)
        for county in counties:
            await certified.hold(connection, county)

    async def take(self, rows: Rows[PackageValue]) -> int:
        """Accept what is filed, and hold what is accepted already against the package."""
        given = self._given
        accepted = [(place, value) for place, value in rows if isinstance(value, AcceptedFiling)]
        there = await _filed_under(given.connection, [value.filing_no for _, value in accepted])
        decisions: dict[int, tuple[Place, AcceptedFiling, Decision]] = {}
        earlier: list[tuple[Place, AcceptedFiling, ProjectRow]] = []
        for place, value in accepted:
            row = there.get(value.filing_no)
            if row is None:
                given.faults.add(place, "filing_no", f"no project is filed under {value.filing_no}")
            elif row.state is ProjectState.ACCEPTED:
                earlier.append((place, value, row))
            else:
                decisions[row.id] = place, value, Decision(row, value.acceptance)
        await self._compare(earlier)
        decided = await decide(
            given.connection,
            [decision for _, _, decision in decisions.values()],
            actor=given.actor,
            at=given.at,
            policies=self._policies,
        )
        for number, refusal in decided.refused.items():
            self._blame(decisions[number][0], refusal)
        for number, batches in decided.accepted.items():
            place, value, _ = decisions[number]
            self._check_credits(place, value, {batch.indicator: batch.quantity for batch in batches})
        return len(decided.accepted)

    def _blame(self, place: Place, refusal: Refusal) -> None:
        faults = refusal.facts.get("faults")
        if isinstance(faults, list):
            for fault in faults:
                self._given.faults.add(place, fault["field"], fault["problem"])
        else:
            self._given.faults.add(place, refusal.field or "", refusal.detail)

    def _check_credits(self, place: Place, value: AcceptedFiling, earned: Mapping[Indicator, int]) -> None:
        if value.credits_steps is None:
            return
        stated, counted = format_quantities(value.credits_steps), format_quantities(earned)
        for name, figure in stated.items():
            if figure != counted[name]:
                problem = f"states {figure}, the exchange counts {counted[name]}"
                self._given.faults.add(place, f"credits.{name}", problem)

    async def _compare(self, earlier: Sequence[tuple[Place, AcceptedFiling, ProjectRow]]) -> None:
        credited = await packages.credits_of(self._given.connection, [row.id for _, _, row in earlier])
        for place, value, row in earlier:
            known = accepted_filing(row, credited[row.id])
            stated, kept = acceptance_object(value), acceptance_object(known)
            if value.acceptance.feasibility_reviewed is None:
                kept.pop("feasibility_reviewed", None)
            if value.credits_steps is None:
                kept.pop("credits", None)
            for field, problem in differences(stated, kept):
                self._given.faults.add(place, field, problem)


def known_filing(row: ProjectRow, shapes: Mapping[int, Mapping[str, Shape]]) -> Filing:
    """A project as it was filed, with its polygons."""
    return Filing(row.county, row.name, row.department, row.papers, shapes.get(row.id, {}), row.particulars)


def accepted_filing(row: ProjectRow, credits_steps: Mapping[Indicator, int]) -> AcceptedFiling:
    """An accepted project's acceptance, as a package has it."""
    papers = row.papers
    if papers.accepted_on is None or papers.filing_no is None:
        raise AssertionError(f"project {row.id} was accepted without a day or a filing number")
    return AcceptedFiling(
        papers.filing_no,
        Acceptance(
            papers.accepted_on,
            row.accepting_body or "",
            papers.surplus_recognised,
            row.ecology_reviewed,
            papers.feasibility_reviewed,
        ),
        credits_steps,
    )


def differences(given: Object, known: Object) -> list[tuple[str, str]]:
    """The fields in which a row differs from what the exchange holds, each with what is there.

    Items of lists that have an id are compared by it; other lists as wholes.
    """
    found = []
    for name in dict.fromkeys([*known, *given]):
        mine, theirs = given.get(name), known.get(name)
        if mine == theirs:
            continue
        if isinstance(mine, list) and isinstance(theirs, list) and all("id" in each for each in theirs):
            found += _different_items(name, mine, theirs)
        elif isinstance(mine, dict) and isinstance(theirs, dict):
            found += [(f"{name}.{field}", problem) for field, problem in differences(mine, theirs)]
        else:
            found.append((name, f"is {_shown(mine)} here and {_shown(theirs)} in the exchange"))
    return found


def _different_items(name: str, given: Sequence[Object], known: Sequence[Object]) -> list[tuple[str, str]]:
    mine, theirs = {each["id"]: each for each in given}, {each["id"]: each for each in known}
    found = [(name, f"{id_} is not in the exchange") for id_ in mine if id_ not in theirs]
    found += [(name, f"{id_} of the exchange is missing") for id_ in theirs if id_ not in mine]
    for id_, each in mine.items():
        if id_ in theirs:
            problems = differences(each, theirs[id_])
            found += [(name, f"{id_}: {field} {problem}") for field, problem in problems]
    return found


def _shown(value: object) -> str:
    return "missing" if value is None else str(value)[:80]


async def _filed_under(connection: Connection, filing_nos: Collection[str]) -> Mapping[str, ProjectRow]:
    numbers = await packages.projects_under(connection, filing_nos)
    rows = await register.projects(connection, list(numbers.values()))
    return {filing_no: rows[number] for filing_no, number in numbers.items()}
