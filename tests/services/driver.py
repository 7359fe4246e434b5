"""Does one thing at the services and in the model, and compares what came of it."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import text

from app.market.access import Actor, Role
from app.market.applications import ApplicationKind
from app.market.bands import Band, Costs
from app.market.errors import KeyReused, Refusal
from app.market.indicators import Indicator
from app.market.modes import OPEN_MODES
from app.market.needs import KeyLevel
from app.market.particulars import Particulars
from app.market.projects import Fund, FundSource, LandUse, Parcel, Project, ProjectKind, SurplusUse
from app.market.units import format_quantity
from app.sealing.keys import Keys
from app.services import (
    accounts,
    allocations,
    applications,
    bands,
    listings,
    needs,
    policies,
    projects,
    verification,
)
from app.services.applications import OccupiedParcel
from app.services.journal import Answer, Claim, once
from app.store import clock
from app.store.database import Connection, Database
from tests.services import observed
from tests.services.entities import (
    CAPACITY,
    LINKAGE,
    PADDY,
    QUANTITY,
    Application,
    Item,
    Need,
)
from tests.services.entities import Band as ModelBand
from tests.services.model import Model

T = TypeVar("T")
PROVINCE = "510000"
CAPACITY_OF_GRADE_10_PER_M2 = 90  # (16 − 10) × 1500 kg/hm² in steps of 0.01 kg
REGULATOR = Actor(1, "regulator", PROVINCE, frozenset({Role.LAND_REGULATOR, Role.PRICE_REGULATOR}))
TREASURER = Actor(2, "treasurer", PROVINCE, frozenset({Role.TREASURER}))


def officer(code: str) -> Actor:
    """An officer of a jurisdiction."""
    return Actor(3, "officer", code, frozenset({Role.COUNTY_OFFICER}))


class Driver:
    """One database, one model, and every use case of both."""

    def __init__(self, runner: asyncio.Runner, database: Database, keys: Keys, model: Model) -> None:
        self._runner = runner
        self.database = database
        self.keys = keys
        self.model = model
        self.serial = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        self.last: tuple[Claim, Callable[[Connection], Awaitable[Any]], Answer] | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the driver's own event loop."""
        return self._runner.run(work)

    def read(self, work: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
        """Read from the database."""
        return self.run(self.database.read(work))

    def rows(self, statement: str, **given: Any) -> list[Any]:
        """Read rows."""

        async def select(connection: Connection) -> list[Any]:
            return list(await connection.execute(text(statement), given))

        return self.read(select)

    def now(self) -> datetime:
        """The exchange's clock."""
        return self.read(clock.now)

    def wait(self, until: datetime) -> None:
        """Move the clock past an instant, if it has not come yet.

        Instants that matter are whole hours, and steps take milliseconds: a minute past the hour nothing
        depends on how fast this machine is.
        """
        now = self.now()
        if now < until:
            self._turn_clock(until + timedelta(minutes=1) - now)

    def start_at(self, instant: datetime) -> None:
        """Set the clock, back too."""
        self._turn_clock(instant - self.now())

    def _turn_clock(self, by: timedelta) -> None:
        self.run(self.database.transact(lambda connection: clock.advance(connection, by)))

    def attempt(
        self, step: str, against: set[str], service: Callable[..., Awaitable[T]], *given: Any, **named: Any
    ) -> T | None:
        """Do it under a key of its own: refused if and only if something speaks against it, and for that."""
        self.serial += 1
        claim = Claim(PROVINCE, f"machine-{self.serial}", self.serial.to_bytes(32))
        results: list[T] = []

        async def work(connection: Connection) -> T:
            results[:] = [await service(connection, *given, **named)]
            return results[0]

        def shape(result: T) -> Answer:
            return Answer(201, json.dumps({"step": step, "serial": self.serial}))

        before = self.read(observed.written) if against else ()
        try:
            answer = self.run(self.database.transact(lambda one: once(one, claim, work, shape)))
        except Refusal as refusal:
            assert refusal.code in against, (
                f"{step} was refused: {refusal.code}, {refusal.detail} {dict(refusal.facts)}; "
                f"against it speaks {against or 'nothing'}"
            )
            assert self.read(observed.written) == before, f"{step} was refused and wrote something"
            self.counts[step, "refused"] += 1
            return None
        assert not against, f"{step} was done, though against it speaks {against}"
        assert not answer.replayed
        self.counts[step, "done"] += 1
        self.last = (claim, work, answer)
        return results[0]

    def repeat(self) -> None:
        """Send the last request that was done once more: its own answer and no second effect."""
        if self.last is None:
            return
        claim, work, answer = self.last

        def shape(_: Any) -> Answer:
            raise AssertionError("a request was done twice")

        before = self.read(observed.written)
        again = self.run(self.database.transact(lambda one: once(one, claim, work, shape)))
        assert (again.body, again.status, again.replayed) == (answer.body, answer.status, True)
        other = Claim(claim.jurisdiction, claim.key, bytes(32))
        try:
            self.run(self.database.transact(lambda one: once(one, other, work, shape)))
        except KeyReused:
            assert self.read(observed.written) == before, "a repetition wrote something"
            self.counts["repeat", "done"] += 1
            return
        raise AssertionError("a key took another request")

    def check(self) -> None:
        """Compare the books with the model, and hold them to what every book must be."""

        async def look(connection: Connection) -> tuple[Any, ...]:
            report: list[str] = []
            return (
                await observed.picture(connection),
                await observed.unsound(connection),
                await verification.verify(connection, report=report.append),
                report,
            )

        shown, unsound, verdict, report = self.read(look)
        assert unsound == []
        assert verdict.faults == 0, "\n".join(report)
        for name, expected in self.model.picture().items():
            stored = shown[name]
            differing = {
                key: (stored.get(key), expected.get(key))
                for key in stored.keys() | expected.keys()
                if stored.get(key) != expected.get(key)
            }
            assert not differing, f"{name}, stored and expected: {differing}"

    # --- bands, reserves, money

    def permit_every_mode(self) -> None:
        """Have the policy permit all modes of sale of every indicator."""
        starts_at = self.now() + timedelta(seconds=30)
        modes = {indicator.value: [mode.value for mode in OPEN_MODES] for indicator in Indicator}
        given = {"name": "trade_modes", "value": modes, "starts_at": starts_at}
        assert self.attempt("set_policy", set(), policies.set_policy, actor=REGULATOR, **given)
        self.wait(starts_at)

    def set_band(
        self, indicator: str, floor: int, ceiling: int, key_price: int, unified_price: int | None
    ) -> None:
        """Set a band and wait until it is in force."""
        against = set() if floor <= key_price <= ceiling else {"key_price_outside_band"}
        starts_at = self.now() + timedelta(seconds=30)
        done = self.attempt(
            "set_band",
            against,
            bands.set_band,
            actor=REGULATOR,
            indicator=Indicator(indicator),
            band=Band(floor, ceiling, key_price, unified_price),
            costs=Costs(floor, 0, 0, 0),
            floor_factor=Decimal(1),
            ceiling_factor=Decimal("1.5"),
            starts_at=starts_at,
        )
        if done:
            self.model.bands[indicator] = ModelBand(floor, ceiling, key_price, unified_price)
            self.wait(starts_at)

    def file_project(self, county: str, parcel: str, area_m2: int, kind: str) -> int:
        """File a project of one parcel; its number."""
        filed = self.attempt(
            "file_project",
            set(),
            projects.file,
            actor=officer(county),
            name="项目",
            department="自然资源和规划局",
            papers=_papers(county, self.serial, parcel, area_m2, kind),
            shapes={},
            particulars=Particulars(),
        )
        assert filed is not None
        return filed.row.id

    def credit(self, county: str, area_m2: int, kind: str) -> None:
        """File a project of one parcel and have it accepted; a second acceptance is refused."""
        number = self.file_project(county, f"P{self.serial}", area_m2, kind)
        accept = partial(
            self.attempt,
            service=projects.accept,
            actor=REGULATOR,
            number=number,
            accepted_on=date(2019, 11, 5),
            accepting_body="省自然资源厅",
            surplus_recognised=True,
            ecology_reviewed=False,
            feasibility_reviewed=None,
        )
        accepted = accept("credit", set())
        assert accepted is not None
        earned = {batch.id: (batch.indicator.value, batch.quantity) for batch in accepted.batches}
        assert dict(earned.values()) == earnings(area_m2, kind)
        self.model.credit(county, earned)
        self.check()
        accept("accept_again", {"wrong_state"})

    def claim_parcel_again(self, county: str, area_m2: int) -> None:
        """File a second project over a parcel that earned already."""
        parcels = self.rows("SELECT parcel_no FROM certified_parcel WHERE county = :county", county=county)
        number = self.file_project(county, parcels[0].parcel_no, area_m2, "dry_land")
        self.check()
        self.attempt(
            "claim_parcel_again",
            {"project_ineligible"},
            projects.accept,
            actor=REGULATOR,
            number=number,
            accepted_on=date(2019, 11, 5),
            accepting_body="省自然资源厅",
            surplus_recognised=False,
            ecology_reviewed=False,
            feasibility_reviewed=None,
        )

    def cash(self, who: str, amount: int, reference: str, *, out: bool) -> None:
        """Record a deposit or a withdrawal."""
        done = self.attempt(
            "withdraw_money" if out else "deposit_money",
            self.model.against_cash(who, amount, reference, out=out),
            accounts.withdraw if out else accounts.deposit,
            actor=TREASURER,
            code=who,
            amount_fen=amount,
            reference=reference,
        )
        if done:
            self.model.cash(who, amount, reference, out=out)

    # --- listings

    def list_batch(self, county: str, batch: int, quantity: int, ask: int | None, *, key: bool) -> None:
        """List part of a batch."""
        made = self.attempt(
            "list",
            self.model.against_listing(county, batch, quantity, ask),
            listings.list_batch,
            actor=officer(county),
            batch_id=batch,
            quantity_text=format_quantity(quantity, Indicator(self.model.batches[batch])),
            ask_fen=ask,
            open_to_key_projects=key,
        )
        if made:
            self.model.list_batch(made.id, county, batch, quantity, ask, key=key)

    def withdraw_listing(self, number: int, who: str) -> None:
        """Withdraw a listing."""
        against = self.model.against_ending(self.model.listings[number], who)
        if self.attempt(
            "withdraw_listing", against, listings.withdraw, actor=officer(who), listing_id=number
        ):
            self.model.end_listing(number, "WITHDRAWN")

    def void_listing(self, number: int) -> None:
        """Void a listing."""
        against = self.model.against_ending(self.model.listings[number], None)
        if self.attempt(
            "void_listing", against, listings.void, actor=REGULATOR, listing_id=number, reason="造假"
        ):
            self.model.end_listing(number, "VOIDED")

    # --- applications and needs

    def apply(self, who: str, area_m2: int, kind: str) -> None:
        """File a land application for farmland of grade 10 (dry or paddy), or for linkage quota."""
        required = earnings(area_m2, kind)
        parcel = OccupiedParcel("1", area_m2, LandUse(kind) if kind != LINKAGE else LandUse.PADDY, 10)
        filed = self.attempt(
            "apply",
            set(),
            applications.file,
            actor=officer(who),
            kind=ApplicationKind.LINKAGE if kind == LINKAGE else ApplicationKind.TOWN_BATCH,
            title="批次",
            parcels=[] if kind == LINKAGE else [parcel],
            new_construction_area_m2=area_m2 if kind == LINKAGE else None,
        )
        if filed:
            self.model.applications[filed.row.id] = Application(who, required)

    def end_application(self, number: int, who: str | None) -> None:
        """Withdraw (somebody) or refuse (the regulator) an application."""
        against = self.model.against_end_of_application(number, who)
        given = {"application_id": number, "reason": "调整"}
        if who is None:
            done = self.attempt("refuse_application", against, applications.refuse, actor=REGULATOR, **given)
        else:
            done = self.attempt(
                "withdraw_application", against, applications.withdraw, actor=officer(who), **given
            )
        if done:
            self.model.end_application(number, "REFUSED" if who is None else "WITHDRAWN")

    def declare(self, who: str, backing: tuple[str, int], wanted: dict[str, int], *, whole: bool) -> None:
        """Declare a need of an application ("F") or an obligation ("O")."""
        kind, number = backing
        declared = self.attempt(
            "declare_need" if kind == "F" else "declare_owed_need",
            self.model.against_need(who, backing, wanted),
            needs.declare,
            actor=officer(who),
            application_id=number if kind == "F" else None,
            obligation_id=number if kind == "O" else None,
            quantities={Indicator(indicator): quantity for indicator, quantity in wanted.items()},
            all_or_nothing=whole,
        )
        if declared:
            items = {indicator: Item(quantity) for indicator, quantity in wanted.items()}
            application, obligation = (number, None) if kind == "F" else (None, number)
            self.model.needs[declared.id] = Need(who, application, whole, items, obligation=obligation)

    def decide_need(self, number: int, key_level: str | None, *, approve: bool) -> None:
        """Approve or refuse a need."""
        need = self.model.needs[number]
        against = set() if need.state == "DECLARED" else {"wrong_state"}
        if not approve:
            if self.attempt(
                "refuse_need", against, needs.refuse, actor=REGULATOR, need_id=number, reason="不足"
            ):
                need.state = "REFUSED"
        elif self.attempt(
            "approve_need",
            against,
            needs.approve,
            actor=REGULATOR,
            need_id=number,
            key_level=None if key_level is None else KeyLevel(key_level),
            reason=None,
        ):
            self.model.approve(number, key_level)

    def allocate(self) -> None:
        """Run an allocation."""
        expected = self.model.allocate()
        before = self.last_trade()
        if self.attempt("allocate", set(), allocations.run, actor=REGULATOR):
            self.model.award(self.trades_after(before), expected)
            self.read_deadlines()
            self.counts["trade_by_allocation", "done"] += len(expected)

    def last_trade(self) -> int:
        """The number of the latest trade."""
        return max(self.model.trades, default=0)

    def trades_after(self, number: int) -> list[int]:
        """The numbers of the trades awarded since."""
        # Trades of examples rolled back are gone, but their numbers are used up.
        return [row.id for row in self.rows("SELECT id FROM trade WHERE id > :n ORDER BY id", n=number)]

    def read_deadlines(self) -> None:
        """Deadlines by working days are told by the service; tests of awards reckon them."""
        for row in self.rows("SELECT id, notice_ends_at, payment_due_at FROM trade"):
            trade = self.model.trades[row.id]
            trade.notice_ends_at, trade.payment_due_at = row.notice_ends_at, row.payment_due_at


def earnings(area_m2: int, kind: str) -> dict[str, int]:
    """What new land of grade 10 earns, and what occupying it requires."""
    if kind == LINKAGE:
        return {LINKAGE: area_m2}
    farmed = {QUANTITY: area_m2, CAPACITY: area_m2 * CAPACITY_OF_GRADE_10_PER_M2}
    return farmed | ({PADDY: area_m2} if kind == "paddy" else {})


def _papers(county: str, serial: int, parcel: str, area_m2: int, kind: str) -> Project:
    linkage = kind == LINKAGE
    return Project(
        kind=ProjectKind.LINKAGE if linkage else ProjectKind.LAND_CONSOLIDATION,
        started_on=date(2018, 3, 1),
        funds=(Fund(FundSource.FISCAL, Fraction(1)),),
        parcels=(
            Parcel(
                parcel,
                area_m2,
                LandUse.CONSTRUCTION if linkage else LandUse.UNUSED,
                LandUse.DRY_LAND if linkage else LandUse(kind),
                None,
                10,
            ),
        ),
        filing_no=f"{county}2018{serial % 10_000:04d}",
        surplus_as=SurplusUse.LINKAGE_QUOTA if linkage else None,
    )
