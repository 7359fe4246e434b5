"""The record formats (FORMATS, docs/formats.md): bytes of a file to a market value, and back.

``read_…`` raises FaultyRecord with every fault found; ``…_record`` renders a value as the object that
``read_…`` reads back to an equal value; ``…_outcome`` renders what the rules made of it.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeVar

from app.documents.record_reading import (
    Faults,
    Fields,
    Reader,
    any_text,
    blame_repeated_ids,
    by_indicator,
    choice,
    code,
    day,
    decimal,
    flag,
    grade,
    instant,
    instant_text,
    items,
    members,
    money,
    open_record,
    share,
    share_text,
)
from app.market.allocations import Allocation, AllocationOutcome, Demand, OpenListing
from app.market.auctions import Listing, Outcome, Pricing, Round, Rules, SealedBid, TieRule
from app.market.indicators import HECTARE, KILOGRAM, UNIT, Indicator
from app.market.needs import KeyLevel
from app.market.projects import (
    GRADES,
    Credit,
    Fund,
    FundSource,
    LandUse,
    Parcel,
    Project,
    ProjectKind,
    SurplusUse,
    shape_faults,
)
from app.market.units import MAX_STEPS, format_decimal, format_money, format_quantities, format_quantity

ROUND_FORMAT = "gengheng/round/1"
OUTCOME_FORMAT = "gengheng/outcome/1"
ALLOCATION_FORMAT = "gengheng/allocation/1"
ALLOCATION_OUTCOME_FORMAT = "gengheng/allocation-outcome/1"
PROJECT_FORMAT = "gengheng/project/1"
CREDIT_FORMAT = "gengheng/credit/1"

Record = dict[str, object]
V = TypeVar("V")

# What reads a field of each sort; the second value of a choice only stands in for a faulty one.
_indicator = choice(Indicator, Indicator.FARMLAND_QUANTITY)
_pricing = choice(Pricing, Pricing.PAY_AS_BID)
_tie_rule = choice(TieRule, TieRule.EARLIEST)
_key_level = choice(KeyLevel, KeyLevel.NATIONAL)
_project_kind = choice(ProjectKind, ProjectKind.LAND_CONSOLIDATION)
_fund_source = choice(FundSource, FundSource.FISCAL)
_land_use = choice(LandUse, LandUse.UNUSED)
_surplus_use = choice(SurplusUse, SurplusUse.FARMLAND)
_quantities: Mapping[Indicator, Reader[int]] = {each: decimal(UNIT[each].places) for each in Indicator}
_area = decimal(HECTARE.places)
# A large stand-in, so that a resettlement area is not blamed for a parcel's fault.
_parcel_area = decimal(HECTARE.places, placeholder=MAX_STEPS)
_yield = decimal(KILOGRAM.places)


def read_round(raw: bytes) -> Round:
    """Read ``gengheng/round/1``; raises FaultyRecord."""
    fields = open_record(
        raw,
        ROUND_FORMAT,
        ("indicator", "opens_at", "closes_at", "rules", "listings", "bids"),
        ("buyer_limits",),
    )
    faults = fields.faults
    indicator = fields.required("indicator", _indicator)
    quantity = _quantities[indicator]
    opens_at_us, closes_at_us = fields.required("opens_at", instant), fields.required("closes_at", instant)
    if fields.sound("opens_at", "closes_at") and opens_at_us >= closes_at_us:
        fields.blame("opens_at", "must be before closes_at")
    rules_fields = fields.required("rules", _rules_fields)
    rules = _read_rules(rules_fields, quantity)
    # A lot worth less than a fen could be sold for nothing; judged exactly, before any rounding.
    priceable = fields.sound("indicator") and rules_fields.sound("lot", "floor")
    if priceable and rules.lot_steps * rules.floor_fen < UNIT[indicator].steps:
        rules_fields.blame("lot", "is worth less than 0.01 yuan at the floor")
    if rules_fields.sound("floor", "ceiling") and rules.floor_fen > rules.ceiling_fen:
        rules_fields.blame("floor", "must not be above the ceiling")
    round_ = Round(
        indicator=indicator,
        opens_at_us=opens_at_us,
        closes_at_us=closes_at_us,
        rules=rules,
        buyer_limits=fields.optional("buyer_limits", _limits(quantity)) or {},
        listings=tuple(
            _read_listing(each, path, rules_fields, rules, quantity)
            for each, path in fields.required("listings", items)
        ),
        bids=tuple(_read_bid(each, path, faults) for each, path in fields.required("bids", items)),
    )
    blame_repeated_ids((listing.id for listing in round_.listings), "$.listings", faults)
    blame_repeated_ids((bid.id for bid in round_.bids), "$.bids", faults)
    faults.refuse_any()
    return round_


def _rules_fields(value: object, path: str, faults: Faults) -> Fields:
    return Fields(
        value, path, faults, ("pricing", "tie", "lot", "floor", "ceiling"), ("buyer_cap_share", "draw_seed")
    )


def _read_rules(fields: Fields, quantity: Reader[int]) -> Rules:
    rules = Rules(
        pricing=fields.required("pricing", _pricing),
        tie=fields.required("tie", _tie_rule),
        lot_steps=fields.required("lot", quantity),
        floor_fen=fields.required("floor", money),
        ceiling_fen=fields.required("ceiling", money),
        buyer_cap_share=fields.optional("buyer_cap_share", share),
        draw_seed=fields.optional("draw_seed", any_text),
    )
    if rules.lot_steps == 0:
        fields.blame("lot", "must be above zero")
    if rules.buyer_cap_share is not None and not 0 < rules.buyer_cap_share <= 1:
        fields.blame("buyer_cap_share", "must be above 0 and at most 1")
    if rules.tie is TieRule.LOTTERY and not _is_hexadecimal_bytes(rules.draw_seed):
        fields.blame("draw_seed", "must be hexadecimal digits of at least one whole byte in a lottery")
    return rules


def _is_hexadecimal_bytes(seed: str | None) -> bool:
    # bytes.fromhex would let blanks through.
    return bool(seed) and len(seed or "") % 2 == 0 and set(seed or "") <= set("0123456789abcdefABCDEF")


def _limits(quantity: Reader[int]) -> Reader[dict[str, int]]:
    def read(value: object, path: str, faults: Faults) -> dict[str, int]:
        limits: dict[str, int] = {}
        for buyer, limit, where in members(value, path, faults):
            code(buyer, where, faults)
            limits[buyer] = quantity(limit, where, faults)
        return limits

    return read


def _read_listing(
    value: object, path: str, rules_fields: Fields, rules: Rules, quantity: Reader[int]
) -> Listing:
    fields = Fields(
        value,
        path,
        rules_fields.faults,
        ("id", "county", "quantity", "poverty", "listed_at"),
        ("ask",),
    )
    listing = Listing(
        id=fields.required("id", code),
        county=fields.required("county", code),
        quantity_steps=fields.required("quantity", quantity),
        ask_fen=fields.optional("ask", money),
        poverty=fields.required("poverty", flag),
        listed_at_us=fields.required("listed_at", instant),
    )
    if listing.quantity_steps == 0:
        fields.blame("quantity", "must be above zero")
    elif rules.lot_steps and listing.quantity_steps % rules.lot_steps:
        fields.blame("quantity", "is no multiple of the lot")
    if listing.ask_fen is not None and fields.sound("ask"):
        if rules_fields.sound("floor") and listing.ask_fen < rules.floor_fen:
            fields.blame("ask", "is below the floor")
        elif rules_fields.sound("ceiling") and listing.ask_fen > rules.ceiling_fen:
            fields.blame("ask", "is above the ceiling")
    return listing


def _read_bid(value: object, path: str, faults: Faults) -> SealedBid:
    fields = Fields(
        value, path, faults, ("id", "buyer", "price", "quantity", "received_at"), ("min_quantity",)
    )
    return SealedBid(
        id=fields.required("id", code),
        buyer=fields.required("buyer", code),
        price=_bid_figure(fields.raw("price")),
        quantity=_bid_figure(fields.raw("quantity")),
        min_quantity=_bid_figure(fields.raw("min_quantity")),
        received_at_us=fields.required("received_at", instant),
    )


def _bid_figure(value: object) -> object:
    """A bid's figure as it was written; whatever is no string or null is held as False.

    It makes the bid inadmissible all the same, and neither its depth nor its size burdens the round.
    """
    return value if value is None or isinstance(value, str) else False


def read_allocation(raw: bytes) -> Allocation:
    """Read ``gengheng/allocation/1``; raises FaultyRecord."""
    fields = open_record(raw, ALLOCATION_FORMAT, ("prices", "demands", "listings"))
    faults = fields.faults
    prices_fen = fields.required("prices", by_indicator(lambda _: money))
    priced = prices_fen if fields.sound("prices") else dict.fromkeys(Indicator, 0)
    allocation = Allocation(
        prices_fen=prices_fen,
        demands=tuple(
            _read_demand(each, path, faults, priced) for each, path in fields.required("demands", items)
        ),
        listings=tuple(
            _read_open_listing(each, path, faults) for each, path in fields.required("listings", items)
        ),
    )
    blame_repeated_ids((demand.id for demand in allocation.demands), "$.demands", faults)
    blame_repeated_ids((listing.id for listing in allocation.listings), "$.listings", faults)
    faults.refuse_any()
    return allocation


def _read_demand(value: object, path: str, faults: Faults, priced: Mapping[Indicator, int]) -> Demand:
    fields = Fields(
        value, path, faults, ("id", "buyer", "level", "approved_at", "quantities"), ("all_or_nothing",)
    )
    demand = Demand(
        id=fields.required("id", code),
        buyer=fields.required("buyer", code),
        level=fields.required("level", _key_level),
        approved_at_us=fields.required("approved_at", instant),
        quantities_steps=fields.required("quantities", by_indicator(_quantities.__getitem__)),
        all_or_nothing=fields.optional("all_or_nothing", flag) or False,
    )
    if fields.raw("quantities") == {}:
        fields.blame("quantities", "must name at least one indicator")
    for indicator, steps in demand.quantities_steps.items():
        if steps == 0:
            faults.blame(f"{path}.quantities.{indicator}", "must be above zero")
        if indicator not in priced:
            faults.blame(f"{path}.quantities.{indicator}", "has no price in $.prices")
    return demand


def _read_open_listing(value: object, path: str, faults: Faults) -> OpenListing:
    fields = Fields(
        value, path, faults, ("id", "county", "indicator", "quantity", "poverty", "listed_at"), ("ask",)
    )
    indicator = fields.required("indicator", _indicator)
    listing = OpenListing(
        id=fields.required("id", code),
        county=fields.required("county", code),
        indicator=indicator,
        quantity_steps=fields.required("quantity", _quantities[indicator]),
        ask_fen=fields.optional("ask", money),
        poverty=fields.required("poverty", flag),
        listed_at_us=fields.required("listed_at", instant),
    )
    if listing.quantity_steps == 0:
        fields.blame("quantity", "must be above zero")
    return listing


def read_project(raw: bytes) -> Project:
    """Read ``gengheng/project/1``; raises FaultyRecord."""
    fields = open_record(
        raw,
        PROJECT_FORMAT,
        ("kind", "started_on", "funds", "parcels"),
        (
            "filing_no",
            "accepted_on",
            "design_grade",
            "feasibility_reviewed",
            "surplus_recognised",
            "surplus_as",
            "resettlement_area",
            "yield_kg_per_hm2",
        ),
    )
    faults = fields.faults
    project = Project(
        kind=fields.required("kind", _project_kind),
        started_on=fields.required("started_on", day),
        funds=tuple(_read_fund(each, path, faults) for each, path in fields.required("funds", items)),
        parcels=tuple(_read_parcel(each, path, faults) for each, path in fields.required("parcels", items)),
        filing_no=fields.optional("filing_no", any_text),
        accepted_on=fields.optional("accepted_on", day),
        design_grade=fields.optional("design_grade", grade),
        feasibility_reviewed=fields.optional("feasibility_reviewed", flag) or False,
        surplus_recognised=fields.optional("surplus_recognised", flag) or False,
        surplus_as=fields.optional("surplus_as", _surplus_use),
        resettlement_area_m2=fields.optional("resettlement_area", _area),
        yields_centikg_per_hm2=fields.optional("yield_kg_per_hm2", _read_yields),
    )
    _blame_contradictions(project, fields)
    blame_repeated_ids((parcel.id for parcel in project.parcels), "$.parcels", faults)
    faults.refuse_any()
    return project


def _blame_contradictions(project: Project, fields: Fields) -> None:
    """Blame what the rules find contradictory, but for what only another fault makes look so."""
    unsure: set[str] = set()
    if not fields.sound("kind"):
        unsure |= {"surplus_as", "resettlement_area"}
    if any(fields.faults.blamed(f"$.funds[{at}].share") for at in range(len(project.funds))):
        unsure.add("funds")
    for fault in shape_faults(project):
        if fault.field not in unsure:
            fields.faults.blame(f"$.{fault.field}", fault.problem)


def _read_fund(value: object, path: str, faults: Faults) -> Fund:
    fields = Fields(value, path, faults, ("source", "share"))
    return Fund(
        source=fields.required("source", _fund_source),
        share=fields.required("share", share),
    )


def _read_parcel(value: object, path: str, faults: Faults) -> Parcel:
    fields = Fields(
        value, path, faults, ("id", "area", "use_before", "use_after"), ("grade_before", "grade_after")
    )
    return Parcel(
        id=fields.required("id", code),
        area_m2=fields.required("area", _parcel_area),
        use_before=fields.required("use_before", _land_use),
        use_after=fields.required("use_after", _land_use),
        grade_before=fields.optional("grade_before", grade),
        grade_after=fields.optional("grade_after", grade),
    )


def _read_yields(value: object, path: str, faults: Faults) -> dict[int, int] | None:
    if not isinstance(value, dict):
        members(value, path, faults)
        return None
    yields: dict[int, int] = {}
    by_name = {str(each): each for each in GRADES}
    for name, figure, where in members(value, path, faults):
        if name in by_name:
            yields[by_name[name]] = _yield(figure, where, faults)
        else:
            faults.blame(where, "is no grade from 1 to 15")
    return yields


def _drop_none(record: Mapping[str, object]) -> Record:
    return {name: value for name, value in record.items() if value is not None}


def round_record(round_: Round) -> Record:
    """Render a round as ``gengheng/round/1``, in the order of its lists."""
    indicator, rules = round_.indicator, round_.rules
    return {
        "format": ROUND_FORMAT,
        "indicator": indicator.value,
        "opens_at": instant_text(round_.opens_at_us),
        "closes_at": instant_text(round_.closes_at_us),
        "rules": _drop_none(
            {
                "pricing": rules.pricing.value,
                "tie": rules.tie.value,
                "lot": format_quantity(rules.lot_steps, indicator),
                "floor": format_money(rules.floor_fen),
                "ceiling": format_money(rules.ceiling_fen),
                "buyer_cap_share": _optional(rules.buyer_cap_share, share_text),
                "draw_seed": rules.draw_seed,
            }
        ),
        "buyer_limits": {
            buyer: format_quantity(steps, indicator) for buyer, steps in round_.buyer_limits.items()
        },
        "listings": [
            _drop_none(
                {
                    "id": listing.id,
                    "county": listing.county,
                    "quantity": format_quantity(listing.quantity_steps, indicator),
                    "ask": _optional(listing.ask_fen, format_money),
                    "poverty": listing.poverty,
                    "listed_at": instant_text(listing.listed_at_us),
                }
            )
            for listing in round_.listings
        ],
        "bids": [_bid_record(bid) for bid in round_.bids],
    }


def _bid_record(bid: SealedBid) -> Record:
    # A price or quantity of null is a figure too, if a hopeless one; only a minimum may be left out.
    minimum = {} if bid.min_quantity is None else {"min_quantity": bid.min_quantity}
    return {
        "id": bid.id,
        "buyer": bid.buyer,
        "price": bid.price,
        "quantity": bid.quantity,
        **minimum,
        "received_at": instant_text(bid.received_at_us),
    }


def outcome_record(outcome: Outcome, indicator: Indicator) -> Record:
    """Render the outcome of a round of ``indicator`` as ``gengheng/outcome/1``."""
    return {
        "format": OUTCOME_FORMAT,
        "clearing_price": _optional(outcome.clearing_price_fen, format_money),
        "sold_quantity": format_quantity(outcome.sold_steps, indicator),
        "unsold_quantity": format_quantity(outcome.unsold_steps, indicator),
        "rejected": [{"bid": each.bid, "reason": each.reason.value} for each in outcome.rejected],
        "awards": [
            {
                "bid": award.bid,
                "buyer": award.buyer,
                "listing": award.listing,
                "county": award.county,
                "quantity": format_quantity(award.quantity_steps, indicator),
                "price": format_money(award.price_fen),
                "amount": format_money(award.amount_fen),
            }
            for award in outcome.awards
        ],
    }


def allocation_record(allocation: Allocation) -> Record:
    """Render an allocation as ``gengheng/allocation/1``, in the order of its lists."""
    return {
        "format": ALLOCATION_FORMAT,
        "prices": {each.value: format_money(fen) for each, fen in allocation.prices_fen.items()},
        "demands": [
            {
                "id": demand.id,
                "buyer": demand.buyer,
                "level": demand.level.value,
                "approved_at": instant_text(demand.approved_at_us),
                "quantities": {
                    indicator.value: format_quantity(steps, indicator)
                    for indicator, steps in demand.quantities_steps.items()
                },
                "all_or_nothing": demand.all_or_nothing,
            }
            for demand in allocation.demands
        ],
        "listings": [
            _drop_none(
                {
                    "id": listing.id,
                    "county": listing.county,
                    "indicator": listing.indicator.value,
                    "quantity": format_quantity(listing.quantity_steps, listing.indicator),
                    "ask": _optional(listing.ask_fen, format_money),
                    "poverty": listing.poverty,
                    "listed_at": instant_text(listing.listed_at_us),
                }
            )
            for listing in allocation.listings
        ],
    }


def allocation_outcome_record(outcome: AllocationOutcome) -> Record:
    """Render the outcome of an allocation as ``gengheng/allocation-outcome/1``."""
    return {
        "format": ALLOCATION_OUTCOME_FORMAT,
        "fills": [
            {
                "demand": fill.demand,
                "buyer": fill.buyer,
                "listing": fill.listing,
                "county": fill.county,
                "indicator": fill.indicator.value,
                "quantity": format_quantity(fill.quantity_steps, fill.indicator),
                "price": format_money(fill.price_fen),
                "amount": format_money(fill.amount_fen),
            }
            for fill in outcome.fills
        ],
        "unfilled": [
            {
                "demand": each.demand,
                "indicator": each.indicator.value,
                "quantity": format_quantity(each.quantity_steps, each.indicator),
            }
            for each in outcome.unfilled
        ],
    }


def project_record(project: Project) -> Record:
    """Render a project as ``gengheng/project/1``, in the order of its lists."""
    yields = project.yields_centikg_per_hm2
    return _drop_none(
        {
            "format": PROJECT_FORMAT,
            "filing_no": project.filing_no,
            "kind": project.kind.value,
            "started_on": project.started_on.isoformat(),
            "accepted_on": _optional(project.accepted_on, date.isoformat),
            "funds": [
                {"source": fund.source.value, "share": share_text(fund.share)} for fund in project.funds
            ],
            "design_grade": project.design_grade,
            "feasibility_reviewed": project.feasibility_reviewed,
            "surplus_recognised": project.surplus_recognised,
            "surplus_as": project.surplus_as and project.surplus_as.value,
            "resettlement_area": _optional(project.resettlement_area_m2, _area_text),
            "yield_kg_per_hm2": None
            if yields is None
            else {str(each): format_decimal(figure, KILOGRAM.places) for each, figure in yields.items()},
            "parcels": [
                _drop_none(
                    {
                        "id": parcel.id,
                        "area": _area_text(parcel.area_m2),
                        "use_before": parcel.use_before.value,
                        "use_after": parcel.use_after.value,
                        "grade_before": parcel.grade_before,
                        "grade_after": parcel.grade_after,
                    }
                )
                for parcel in project.parcels
            ],
        }
    )


def credit_record(credit: Credit) -> Record:
    """Render what a project earns as ``gengheng/credit/1``."""
    return {
        "format": CREDIT_FORMAT,
        "eligible": credit.eligible,
        "reasons": [reason.value for reason in credit.reasons],
        "credits": format_quantities(credit.credits_steps),
    }


def _optional(value: V | None, text: Callable[[V], str]) -> str | None:
    return None if value is None else text(value)


def _area_text(area_m2: int) -> str:
    return format_decimal(area_m2, HECTARE.places)
