"""The driver's third part: purchases at once, and the life of an indicator beyond the market."""

from copy import deepcopy
from datetime import date, datetime
from functools import partial

from app.market.indicators import Indicator
from app.market.inspections import Conclusion, Severity
from app.market.objections import Decision, Origin
from app.market.units import format_quantity
from app.market.voidings import VoidingReason
from app.services import (
    applications,
    commitments,
    inspections,
    objections,
    obligations,
    projects,
    purchases,
    voidings,
)
from app.services.days import day_of
from tests.services.auction_driver import AuctionDriver
from tests.services.driver import REGULATOR, earnings, officer
from tests.services.entities import Commitment, Obligation
from tests.services.life_model import LifeModel
from tests.services.purchase_model import Order


class LifeDriver(AuctionDriver):
    """Every use case of the exchange."""

    model: LifeModel

    # --- purchases

    def buy(self, order: Order) -> None:
        """Buy what is listed, which serves the waiting key projects first."""
        model, indicator = self.model, Indicator(order.indicator)
        served = model.allocate() if model.serves_first(order.indicator) else []
        before = self.last_trade()
        after = deepcopy(model)
        after.award(list(range(before + 1, before + 1 + len(served))), deepcopy(served))
        if order.listing is None:
            wanted: purchases.AtUnifiedPrice | purchases.AtMarket = purchases.AtUnifiedPrice(
                need_id=order.need,
                indicator=indicator,
                quantity=format_quantity(order.quantity, indicator),
                min_quantity=None if order.least is None else format_quantity(order.least, indicator),
                price_fen=order.price,
            )
        else:
            wanted = purchases.AtMarket(
                need_id=order.need,
                listing_id=order.listing,
                quantity=format_quantity(order.quantity, indicator),
                price_fen=order.price,
            )
        step = "buy_at_unified_price" if order.listing is None else "buy_at_market"
        made = self.attempt(
            step, after.against_purchase(order), purchases.buy, actor=officer(order.buyer), wanted=wanted
        )
        if made is None:
            return
        numbers = self.trades_after(before)
        assert numbers[-1] == made.trade_id
        model.award(numbers[:-1], served)
        model.award(numbers[-1:], [model.purchase(order)])
        self.read_deadlines()

    # --- write-off

    def write_off(self, number: int, who: str) -> None:
        """Write off an application."""
        against = self.model.against_write_off(number, who)
        done = self.attempt(
            "write_off", against, applications.write_off, actor=officer(who), application_id=number
        )
        if done:
            self.model.write_off(number)

    def approve_application(self, number: int) -> None:
        """Approve an application."""
        done = self.attempt(
            "approve_application",
            self.model.against_approval(number),
            applications.approve,
            actor=REGULATOR,
            application_id=number,
            reason=None,
        )
        if done:
            self.model.applications[number].state = "APPROVED"

    # --- commitments

    def await_project(self, county: str, area_m2: int, kind: str) -> int:
        """File a project for commitments to rest on; its number."""
        number = self.file_project(county, f"P{self.serial}", area_m2, kind)
        self.model.projects[number] = (county, "FILED")
        return number

    def draft(self, promise: Commitment) -> None:
        """Draft a commitment."""
        promised = {Indicator(indicator): much for indicator, much in promise.promised.items()}
        drafted = self.attempt(
            "draft_commitment",
            self.model.against_promise(promise, day_of(self.now())),
            commitments.draft,
            actor=officer(promise.applicant),
            application_id=promise.application,
            terms=commitments.Terms(promise.project, promised, promise.due_on),
        )
        if drafted:
            self.model.commitments[drafted.row.id] = promise

    def file_commitment(self, number: int) -> None:
        """File a draft."""
        each = self.model.commitments[number]
        against = self.model.against_step_of(number, "DRAFT", day_of(self.now()))
        done = self.attempt(
            "file_commitment", against, commitments.file, actor=officer(each.applicant), number=number
        )
        if done:
            self.model.filings += 1
            each.state, each.place = "FILED", self.model.filings

    def activate(self, number: int) -> None:
        """Activate a filed commitment."""
        against = self.model.against_step_of(number, "FILED", day_of(self.now()))
        if self.attempt("activate", against, commitments.activate, actor=REGULATOR, number=number):
            self.model.commitments[number].state = "ACTIVE"

    def accept_promised(self, project: int, area_m2: int, kind: str) -> None:
        """Accept a project that commitments rest on."""
        against = set() if self.model.projects[project][1] == "FILED" else {"wrong_state"}
        accepted = self.attempt(
            "accept_promised",
            against,
            projects.accept,
            actor=REGULATOR,
            number=project,
            accepted_on=date(2019, 11, 5),
            accepting_body="省自然资源厅",
            surplus_recognised=True,
            ecology_reviewed=False,
            feasibility_reviewed=None,
        )
        if accepted:
            earned = {batch.id: (batch.indicator.value, batch.quantity) for batch in accepted.batches}
            assert dict(earned.values()) == earnings(area_m2, kind)
            self.model.accepted(project, earned)

    def promises_due(self, now: datetime) -> list[int]:
        """The commitments whose day is over, in the order in which they fall due."""
        over = [
            (each.due_on, number)
            for number, each in self.model.commitments.items()
            if each.state == "ACTIVE" and each.due_on < day_of(now)
        ]
        return [number for _, number in sorted(over)]

    def fell_due(self, number: int) -> None:
        """Hold what the worker wrote off, and the obligation it opened, to the model."""
        missing = {each: much for each, much in self.model.falls_due(number).items() if much}
        self.counts["worker_writes_off", "done"] += 1
        source = f"K{number:010d}"
        opened = self.rows(
            "SELECT id, farmland_quantity, paddy_area, grain_capacity, linkage_quota FROM obligation "
            "WHERE source = :source",
            source=source,
        )
        assert len(opened) == bool(missing)
        for row in opened:
            owed = {each.value: getattr(row, each.value) for each in Indicator if getattr(row, each.value)}
            assert owed == missing
            who = self.model.commitments[number].applicant
            self.model.obligations[row.id] = Obligation(who, "commitment_deficit", source, owed)

    def discharge(self, number: int, who: str) -> None:
        """Make an obligation good."""
        against = self.model.against_discharge(number, who)
        if self.attempt("discharge", against, obligations.discharge, actor=officer(who), number=number):
            self.model.discharge(number)

    # --- objections

    def object(self, number: int, who: str) -> None:
        """Enter an objection to a trade."""
        trade = self.model.trades[number]
        entered = self.attempt(
            "object",
            self.model.against_objection(trade, self.now()),
            objections.enter,
            actor=officer(who),
            trade_number=number,
            origin=Origin.CITIZEN,
            reason="面积有误",
        )
        if entered:
            trade.objections[entered.id] = "OPEN"

    def decide_objection(self, number: int, trade_number: int, *, uphold: bool) -> None:
        """Dismiss an objection, or uphold it, which voids the trade."""
        trade = self.model.trades[trade_number]
        against = set() if trade.objections[number] == "OPEN" else {"wrong_state"}
        decided = self.attempt(
            "uphold" if uphold else "dismiss",
            against,
            objections.decide,
            actor=REGULATOR,
            trade_number=trade_number,
            number=number,
            decision=Decision.UPHOLD if uphold else Decision.DISMISS,
            reason="经核实",
        )
        if decided is None:
            return
        if uphold:
            self.model.uphold(number, trade)
        else:
            trade.objections[number] = "DISMISSED"
            self.read_deadlines()

    # --- fraud

    def void_project(self, project: int) -> None:
        """Inspect a project, find fraud, and void it; before the finding it is refused."""
        (row,) = self.rows("SELECT county, state FROM project WHERE id = :id", id=project)
        against = set() if row.state == "ACCEPTED" else {"wrong_state"}
        case = self.attempt(
            "inspect", set(), inspections.inspect, actor=REGULATOR, jurisdiction=None, project_id=project
        )
        assert case is not None
        number = case.row.id
        void = partial(
            self.attempt,
            "void_project",
            service=voidings.void,
            actor=REGULATOR,
            number=project,
            inspection_id=number,
            reason_code=VoidingReason.NO_SUCH_LAND,
            reason="虚构",
        )
        void(against | {"no_fraud_concluded"})
        finding = {"what": "无耕作层", "severity": Severity.FRAUD, "parcel_no": None}
        self.attempt(
            "find",
            set(),
            inspections.record,
            actor=REGULATOR,
            number=number,
            document_digest=bytes(32),
            **finding,
        )
        self.attempt(
            "conclude",
            set(),
            inspections.conclude,
            actor=REGULATOR,
            number=number,
            conclusion=Conclusion.FRAUD,
            rectify_by=None,
            reason="虚构",
        )
        if void(against) is None:
            return
        batches = {
            batch.id: batch.quantity
            for batch in self.rows("SELECT id, quantity FROM batch WHERE project_id = :id", id=project)
        }
        owed = self.model.void_project(row.county, batches)
        opened = self.rows("SELECT id FROM obligation WHERE source = :source", source=f"P{project:010d}")
        assert len(opened) == bool(owed)
        for each in opened:
            self.model.obligations[each.id] = Obligation(row.county, "replacement", f"P{project:010d}", owed)
            self.model.voided |= dict.fromkeys(batches, each.id)
