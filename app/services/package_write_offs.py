"""Write-offs out of packages: made here if they are just what the exchange would make itself."""

from collections.abc import Iterable, Mapping, Sequence

from app.market.errors import Refusal
from app.market.ids import Kind, row_number
from app.market.indicators import Indicator
from app.market.packages import PackageValue, Place, UsedUp, WrittenOff
from app.market.units import format_quantity
from app.services import applications
from app.services.days import day_of
from app.services.package_rows import KEYS_AT_ONCE, Import, Rows
from app.store import applications as register
from app.store import packages
from app.store.applications import ApplicationRow


class WriteOffImporter:
    """Writes off as applicants would, by the rules of ``services.applications.write_off``."""

    def __init__(self, given: Import) -> None:
        """Work within one import."""
        self._given = given

    async def hold(self, values: Iterable[PackageValue]) -> None:
        """Lock the applications, their needs, and the reserves that they draw on."""
        connection = self._given.connection
        await packages.begin_naming(connection)
        keys: list[str] = []
        for value in values:
            keys += [value.application] if isinstance(value, WrittenOff) else []
            if len(keys) >= KEYS_AT_ONCE:
                await packages.name(connection, keys)
                keys.clear()
        await packages.name(connection, keys)
        await packages.hold_named_applications(connection)

    async def take(self, rows: Rows[PackageValue]) -> int:
        """Write off for what is filed, and hold what is written off already against the package.

        One after another: which batches are the oldest depends on what those before have used up.
        """
        given = self._given
        stated = [(place, value) for place, value in rows if isinstance(value, WrittenOff)]
        numbers = await packages.standing_write_offs(
            given.connection, [value.application for _, value in stated]
        )
        standing = await packages.written_off(given.connection, list(numbers.values()))
        entered = 0
        for place, value in stated:
            found = await register.find(given.connection, row_number(Kind.APPLICATION, value.application))
            if found is None:
                given.faults.add(place, "application", f"no land application {value.application} is filed")
            elif self._is_sound(place, value, found):
                number = numbers.get(value.application)
                if number is None:
                    entered += await self._write_off(place, value, found)
                else:
                    self._compare(place, value.batches, standing[number].batches)
        return entered

    def _is_sound(self, place: Place, value: WrittenOff, found: ApplicationRow) -> bool:
        """Whether a row names the application as it is filed, on a day that has come."""
        before = self._given.faults.count
        for field, mine, theirs in (
            ("applicant", value.applicant, found.applicant),
            ("reserve", value.reserve, found.reserve),
        ):
            if mine != theirs:
                self._given.faults.add(place, field, f"is {mine} here and {theirs} in the exchange")
        today = day_of(self._given.at)
        if value.written_off_on > today:
            self._given.faults.add(place, "written_off_on", f"today is {today}: nothing is written off later")
        return self._given.faults.count == before

    async def _write_off(self, place: Place, value: WrittenOff, found: ApplicationRow) -> bool:
        attempt = await self._given.connection.begin_nested()
        try:
            covered = await applications.write_off_for(self._given.connection, found, by=self._given.actor)
        except Refusal as refusal:
            await attempt.rollback()
            self._given.faults.add(place, refusal.field or "", refusal.detail)
            return False
        await attempt.commit()
        used = () if covered.written_off is None else covered.written_off.used
        self._compare(
            place,
            value.batches,
            [UsedUp(each.indicator, each.filing_no or "", each.steps) for each in used],
        )
        return True

    def _compare(self, place: Place, stated: Sequence[UsedUp], made: Sequence[UsedUp]) -> None:
        """Blame each batch of which the package and the exchange use up different quantities."""
        mine, theirs = _by_batch(stated), _by_batch(made)
        for indicator, filing_no in {**theirs, **mine}:
            here, there = mine.get((indicator, filing_no), 0), theirs.get((indicator, filing_no), 0)
            if here != there:
                problem = (
                    f"{indicator} of {filing_no}: {format_quantity(here, indicator)} here, "
                    f"{format_quantity(there, indicator)} by the exchange, which takes the oldest first"
                )
                self._given.faults.add(place, "batches", problem)


def _by_batch(used: Sequence[UsedUp]) -> Mapping[tuple[Indicator, str], int]:
    return {(each.indicator, each.filing_no): each.steps for each in used}
