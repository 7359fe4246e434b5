"""The fields of record files (docs/formats.md): what is faulty, and where the blame falls."""

import json

import pytest

from app.documents.offline import clearing, crediting
from app.documents.record_reading import FaultyRecord
from app.documents.records import read_round
from tests.documents.record_files import (
    ALLOCATION,
    B0,
    D0,
    GONE,
    L0,
    LINKAGE,
    LOTTERY,
    MINE,
    P0,
    PROJECT,
    ROUND,
    UPGRADE,
    Json,
    Path_,
    changed,
    faults,
)

ROUND_FAULTS: list[tuple[Path_, object, str]] = [
    (("format",), "gengheng/round/2", "$.format"),
    (("format",), 1, "$.format"),
    (("indicator",), "forest", "$.indicator"),
    (("indicator",), None, "$.indicator"),
    (("surprise",), 1, "$.surprise"),
    (("a b",), 1, '$["a b"]'),
    (("a\nb",), 1, '$["a\\nb"]'),
    (("bids",), GONE, "$.bids"),
    (("bids",), None, "$.bids"),
    (("bids",), {}, "$.bids"),
    (("rules",), [], "$.rules"),
    (("rules",), GONE, "$.rules"),
    (("rules", "extra"), None, "$.rules.extra"),
    (("rules", "lot"), GONE, "$.rules.lot"),
    (("rules", "lot"), "0", "$.rules.lot"),
    (("rules", "lot"), "0.0000", "$.rules.lot"),
    (("rules", "lot"), 1, "$.rules.lot"),
    (("rules", "lot"), "0.00001", "$.rules.lot"),
    (("rules", "pricing"), "dutch", "$.rules.pricing"),
    (("rules", "tie"), "EARLIEST", "$.rules.tie"),
    (("rules", "tie"), True, "$.rules.tie"),
    (("rules", "tie"), "lottery", "$.rules.draw_seed"),
    (("rules", "floor"), "450000.01", "$.rules.floor"),
    (("rules", "floor"), 300000, "$.rules.floor"),
    (("rules", "floor"), "300000.000", "$.rules.floor"),
    (("rules", "floor"), "-1", "$.rules.floor"),
    (("rules", "ceiling"), "3e5", "$.rules.ceiling"),
    (("rules", "ceiling"), "92233720368547758.08", "$.rules.ceiling"),
    (("rules", "buyer_cap_share"), "0", "$.rules.buyer_cap_share"),
    (("rules", "buyer_cap_share"), "0.000", "$.rules.buyer_cap_share"),
    (("rules", "buyer_cap_share"), "1.0001", "$.rules.buyer_cap_share"),
    (("rules", "buyer_cap_share"), 0.5, "$.rules.buyer_cap_share"),
    (("rules", "buyer_cap_share"), "1/2", "$.rules.buyer_cap_share"),
    (("rules", "buyer_cap_share"), "0." + "1" * 5000, "$.rules.buyer_cap_share"),
    (("rules", "draw_seed"), 7, "$.rules.draw_seed"),
    (("opens_at",), "2026-03-31T01:00:00Z", "$.opens_at"),
    (("opens_at",), "2026-04-01T01:00:00Z", "$.opens_at"),
    (("buyer_limits",), [], "$.buyer_limits"),
    (("buyer_limits",), {"510100": 5}, '$.buyer_limits["510100"]'),
    (("buyer_limits",), {"510100": None}, '$.buyer_limits["510100"]'),
    (("buyer_limits",), {"": "5"}, '$.buyer_limits[""]'),
    ((*L0, "id"), "", "$.listings[0].id"),
    ((*L0, "id"), "L2", "$.listings[1].id"),
    ((*L0, "id"), 1, "$.listings[0].id"),
    ((*L0, "county"), "", "$.listings[0].county"),
    ((*L0, "poverty"), 1, "$.listings[0].poverty"),
    ((*L0, "poverty"), None, "$.listings[0].poverty"),
    ((*L0, "poverty"), "true", "$.listings[0].poverty"),
    ((*L0, "quantity"), "0", "$.listings[0].quantity"),
    ((*L0, "quantity"), 10, "$.listings[0].quantity"),
    ((*L0, "quantity"), True, "$.listings[0].quantity"),
    ((*L0, "quantity"), "10.00000", "$.listings[0].quantity"),
    ((*L0, "quantity"), "922337203685477.5808", "$.listings[0].quantity"),
    ((*L0, "ask"), "299999.99", "$.listings[0].ask"),
    ((*L0, "ask"), "450000.01", "$.listings[0].ask"),
    ((*L0, "ask"), 300000, "$.listings[0].ask"),
    ((*L0, "buyer"), "x", "$.listings[0].buyer"),
    (L0, "L1", "$.listings[0]"),
    ((*B0, "id"), "B2", "$.bids[1].id"),
    ((*B0, "buyer"), "", "$.bids[0].buyer"),
    ((*B0, "price"), GONE, "$.bids[0].price"),
    ((*B0, "quantity"), GONE, "$.bids[0].quantity"),
    ((*B0, "received_at"), GONE, "$.bids[0].received_at"),
    ((*B0, "received_at"), None, "$.bids[0].received_at"),
    ((*B0, "note"), None, "$.bids[0].note"),
]


@pytest.mark.parametrize(("path", "value", "blamed"), ROUND_FAULTS)
def test_a_faulty_round_is_refused_at_the_field_to_blame(path: Path_, value: object, blamed: str) -> None:
    assert faults(changed(ROUND, (path, value)), "clear") == [blamed]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T02:00:00",
        "2026-03-02T02:00:00+00:00",
        "2026-03-02t02:00:00Z",
        "2026-03-02T02:00:00z",
        "2026-03-02 02:00:00Z",
        "2026-03-02T02:00Z",
        "2026-03-02T02:00:60Z",
        "2026-03-02T24:00:00Z",
        "2026-03-02T02:60:00Z",
        "2026-02-29T02:00:00Z",
        "2026-13-01T02:00:00Z",
        "0000-01-01T02:00:00Z",
        "2026-03-02T02:00:00.Z",
        "2026-03-02T02:00:00.1234567Z",
        "2026-03-02T02:00:00Z\n",
        "٢٠٢٦-03-02T02:00:00Z",
        "",
        5,
        None,
    ],
)
def test_only_real_utc_times_ending_in_z_are_times(text: object) -> None:
    assert faults(changed(ROUND, ((*B0, "received_at"), text))) == ["$.bids[0].received_at"]


@pytest.mark.parametrize(
    "text", ["2026-03-02T02:00:00.1Z", "2024-02-29T23:59:59.999999Z", "0001-01-01T00:00:00Z"]
)
def test_fractions_and_leap_days_are_times(text: str) -> None:
    assert faults(changed(ROUND, ((*L0, "listed_at"), text))) == []


def test_a_lot_must_be_worth_a_fen_at_the_floor_exactly() -> None:
    at_least = changed(ROUND, (("rules", "floor"), "100.00"))
    too_little = changed(ROUND, (("rules", "floor"), "99.99"))
    assert faults(at_least) == []
    assert faults(too_little) == ["$.rules.lot"]
    assert faults(changed(ROUND, (("rules", "floor"), "0"))) == ["$.rules.lot"]


def test_the_worth_of_a_lot_of_grain_counts_in_its_own_unit() -> None:
    grain = changed(
        ROUND, (("indicator",), "grain_capacity"), (("rules", "floor"), "1.00"), (("rules", "lot"), "0.01"),
        (("listings",), []), (("bids",), []),
    )  # fmt: skip
    assert faults(grain) == []
    assert faults(changed(grain, (("rules", "floor"), "0.99"))) == ["$.rules.lot"]
    assert faults(changed(grain, (("rules", "lot"), "0.0001"))) == ["$.rules.lot"]


def test_a_listing_is_whole_lots() -> None:
    record = changed(ROUND, (("rules", "lot"), "3.0000"))
    assert faults(record) == ["$.listings[0].quantity", "$.listings[1].quantity"]


@pytest.mark.parametrize("seed", [GONE, None, "", "abc", "zz", " ab", "ab ", "a b c ", "0x12", 12])
def test_a_lottery_needs_a_seed_of_whole_hexadecimal_bytes(seed: object) -> None:
    assert faults(changed(LOTTERY, (("rules", "draw_seed"), seed))) == ["$.rules.draw_seed"]


@pytest.mark.parametrize("seed", ["00", "aB", "FF00"])
def test_hexadecimal_of_either_case_is_a_seed(seed: str) -> None:
    assert faults(changed(LOTTERY, (("rules", "draw_seed"), seed))) == []


@pytest.mark.parametrize("seed", [None, "", "no hexadecimal"])
def test_any_seed_will_do_where_nothing_is_drawn(seed: object) -> None:
    assert faults(changed(ROUND, (("rules", "draw_seed"), seed))) == []


MALFORMED_FIGURES: list[object] = [
    5,
    -1,
    0.5,
    10**30,
    True,
    [],
    {},
    {"a": [1]},
    "",
    "x",
    "-1",
    "1e3",
    "0." + "1" * 5000,
    [[[[[[]]]]]],
]


@pytest.mark.parametrize("figure", MALFORMED_FIGURES, ids=lambda figure: repr(figure)[:20])
def test_a_malformed_figure_rejects_the_bid_and_never_the_round(figure: object) -> None:
    for name, reason in (
        ("price", "bad_price"),
        ("quantity", "not_a_lot_multiple"),
        ("min_quantity", "bad_min_quantity"),
    ):
        outcome = json.loads(clearing(json.dumps(changed(ROUND, ((*B0, name), figure))).encode()))
        assert outcome["rejected"] == [{"bid": "B1", "reason": reason}]


def test_null_is_no_price_and_no_quantity_but_no_minimum_either() -> None:
    for name, rejected in (
        ("price", [{"bid": "B1", "reason": "bad_price"}]),
        ("quantity", [{"bid": "B1", "reason": "not_a_lot_multiple"}]),
        ("min_quantity", []),
    ):
        outcome = json.loads(clearing(json.dumps(changed(ROUND, ((*B0, name), None))).encode()))
        assert outcome["rejected"] == rejected


@pytest.mark.parametrize(
    "figure",
    [
        "9" * 100_000,
        "-0",
        "1E400",
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
    ],
)
def test_neither_size_nor_depth_of_a_figure_stops_the_round(figure: str) -> None:
    text = json.dumps(changed(ROUND, ((*B0, "price"), "HERE"))).replace('"HERE"', figure)
    assert json.loads(clearing(text.encode()))["rejected"] == [{"bid": "B1", "reason": "bad_price"}]


@pytest.mark.parametrize("name", ["price", "quantity", "min_quantity"])
@pytest.mark.parametrize("digits", ["9" * 5000, "0" * 5000 + "1", "9" * 5000 + ".5"])
def test_a_figure_of_thousands_of_digits_is_no_fault_of_the_round(name: str, digits: str) -> None:
    assert faults(changed(ROUND, ((*B0, name), digits))) == []


def test_optional_fields_may_be_null() -> None:
    nulls = changed(
        ROUND, (("buyer_limits",), None), (("rules", "buyer_cap_share"), None), ((*L0, "ask"), None),
        ((*B0, "min_quantity"), None),
    )  # fmt: skip
    absent = changed(ROUND, (("rules", "buyer_cap_share"), GONE))
    assert clearing(json.dumps(nulls).encode()) == clearing(json.dumps(absent).encode())


ALLOCATION_FAULTS: list[tuple[Path_, object, str]] = [
    (("format",), "gengheng/round/1", "$.format"),
    (("prices",), {}, "$.demands[0].quantities.farmland_quantity"),
    (("prices",), None, "$.prices"),
    (("prices", "forest"), "1", "$.prices.forest"),
    (("prices", "paddy_area"), 1, "$.prices.paddy_area"),
    (("prices", "farmland_quantity"), None, "$.prices.farmland_quantity"),
    (("demands",), {}, "$.demands"),
    ((*D0, "level"), "local", "$.demands[0].level"),
    ((*D0, "buyer"), "", "$.demands[0].buyer"),
    ((*D0, "approved_at"), "2026-03-12", "$.demands[0].approved_at"),
    ((*D0, "quantities"), {}, "$.demands[0].quantities"),
    ((*D0, "quantities"), [], "$.demands[0].quantities"),
    ((*D0, "quantities"), {"farmland_quantity": "0"}, "$.demands[0].quantities.farmland_quantity"),
    ((*D0, "quantities"), {"farmland_quantity": None}, "$.demands[0].quantities.farmland_quantity"),
    ((*D0, "quantities"), {"forest": "1"}, "$.demands[0].quantities.forest"),
    ((*D0, "quantities", "grain_capacity"), "1.00", "$.demands[0].quantities.grain_capacity"),
    ((*D0, "all_or_nothing"), 0, "$.demands[0].all_or_nothing"),
    (("demands", 1), ALLOCATION["demands"][0], "$.demands[1].id"),
    ((*L0, "indicator"), GONE, "$.listings[0].indicator"),
    ((*L0, "quantity"), "0.0000", "$.listings[0].quantity"),
    ((*L0, "ask"), "1.001", "$.listings[0].ask"),
    ((*L0, "id"), "L3", "$.listings[2].id"),
]


@pytest.mark.parametrize(("path", "value", "blamed"), ALLOCATION_FAULTS)
def test_a_faulty_allocation_is_refused_at_the_field_to_blame(
    path: Path_, value: object, blamed: str
) -> None:
    assert faults(changed(ALLOCATION, (path, value)), "allocate") == [blamed]


def test_a_listed_quantity_has_the_places_of_its_own_indicator() -> None:
    grain = changed(ALLOCATION, ((*L0, "indicator"), "grain_capacity"))
    assert faults(grain) == ["$.listings[0].quantity"]
    assert faults(changed(grain, ((*L0, "quantity"), "30.00"))) == []


def test_listings_nobody_demands_need_no_price_and_any_ask_will_do() -> None:
    paddy = changed(ALLOCATION, ((*L0, "indicator"), "paddy_area"), ((*L0, "ask"), "99999999.99"))
    assert faults(paddy) == []


PROJECT_FAULTS: list[tuple[Json, Path_, object, str]] = [
    (PROJECT, ("format",), None, "$.format"),
    (PROJECT, ("kind",), "golf", "$.kind"),
    (PROJECT, ("started_on",), "2017-3-1", "$.started_on"),
    (PROJECT, ("started_on",), "20170301", "$.started_on"),
    (PROJECT, ("started_on",), "2017-02-29", "$.started_on"),
    (PROJECT, ("started_on",), "2017-03-01T00:00:00Z", "$.started_on"),
    (PROJECT, ("accepted_on",), "2017-02-28", "$.accepted_on"),
    (PROJECT, ("accepted_on",), 2018, "$.accepted_on"),
    (PROJECT, ("filing_no",), 51192220170001, "$.filing_no"),
    (PROJECT, ("funds",), [], "$.funds"),
    (PROJECT, ("funds",), GONE, "$.funds"),
    (PROJECT, ("funds", 0, "share"), "0.99", "$.funds"),
    (PROJECT, ("funds", 0, "share"), "1.0000000000000000000000001", "$.funds"),
    (PROJECT, ("funds", 0, "share"), 1, "$.funds[0].share"),
    (PROJECT, ("funds", 0, "source"), "lottery", "$.funds[0].source"),
    (PROJECT, ("funds", 0, "name"), "x", "$.funds[0].name"),
    (PROJECT, ("funds", 0), None, "$.funds[0]"),
    (PROJECT, ("design_grade",), 0, "$.design_grade"),
    (PROJECT, ("design_grade",), 9.0, "$.design_grade"),
    (PROJECT, ("design_grade",), "9", "$.design_grade"),
    (PROJECT, ("feasibility_reviewed",), "yes", "$.feasibility_reviewed"),
    (PROJECT, ("surplus_as",), "farmland", "$.surplus_as"),
    (PROJECT, ("resettlement_area",), "0.0000", "$.resettlement_area"),
    (PROJECT, ("parcels",), [], "$.parcels"),
    (PROJECT, ("parcels", 1, "id"), "P1", "$.parcels[1].id"),
    (PROJECT, (*P0, "area"), "0", "$.parcels[0].area"),
    (PROJECT, (*P0, "area"), 8, "$.parcels[0].area"),
    (PROJECT, (*P0, "use_after"), "golf", "$.parcels[0].use_after"),
    (PROJECT, (*P0, "grade_after"), None, "$.parcels[0].grade_after"),
    (PROJECT, (*P0, "grade_after"), GONE, "$.parcels[0].grade_after"),
    (PROJECT, (*P0, "grade_after"), 16, "$.parcels[0].grade_after"),
    (PROJECT, (*P0, "grade_after"), True, "$.parcels[0].grade_after"),
    (PROJECT, (*P0, "grade_after"), 10**30, "$.parcels[0].grade_after"),
    (PROJECT, (*P0, "grade_before"), 0, "$.parcels[0].grade_before"),
    (PROJECT, ("yield_kg_per_hm2",), [], "$.yield_kg_per_hm2"),
    (PROJECT, ("yield_kg_per_hm2",), {"10": "1", "12": "1", "16": "1"}, '$.yield_kg_per_hm2["16"]'),
    (PROJECT, ("yield_kg_per_hm2",), {"10": "1", "12": "1", "01": "1"}, '$.yield_kg_per_hm2["01"]'),
    (PROJECT, ("yield_kg_per_hm2",), {"10": "1", "12": 1}, '$.yield_kg_per_hm2["12"]'),
    (PROJECT, ("yield_kg_per_hm2",), {"10": "1.001", "12": "1"}, '$.yield_kg_per_hm2["10"]'),
    (PROJECT, ("yield_kg_per_hm2",), {"10": "1"}, "$.parcels[1].grade_after"),
    (UPGRADE, (*P0, "grade_before"), None, "$.parcels[0].grade_before"),
    (LINKAGE, ("surplus_as",), GONE, "$.surplus_as"),
    (LINKAGE, ("surplus_as",), None, "$.surplus_as"),
    (LINKAGE, ("surplus_as",), "both", "$.surplus_as"),
    (LINKAGE, ("resettlement_area",), "375.5001", "$.resettlement_area"),
    (LINKAGE, (*P0, "use_before"), "unused", "$.parcels[0].use_before"),
    (LINKAGE, (*P0, "use_after"), "orchard", "$.parcels[0].use_after"),
    (MINE, (*P0, "use_before"), "unused", "$.parcels[0].use_before"),
    (MINE, ("surplus_as",), "farmland", "$.surplus_as"),
]


@pytest.mark.parametrize(("record", "path", "value", "blamed"), PROJECT_FAULTS)
def test_a_faulty_project_is_refused_at_the_field_to_blame(
    record: Json, path: Path_, value: object, blamed: str
) -> None:
    assert faults(changed(record, (path, value)), "credit") == [blamed]


def test_what_is_sound_at_the_edge_of_a_fault() -> None:
    for record in (
        MINE,
        changed(LINKAGE, (("resettlement_area",), "375.5000")),
        changed(PROJECT, (("surplus_as",), None), (("resettlement_area",), None)),
        changed(PROJECT, ((*P0, "grade_before"), 3)),
        changed(PROJECT, (("yield_kg_per_hm2",), {"10": "0", "12": "1.5"})),
        changed(PROJECT, (("accepted_on",), "2017-03-01")),
        changed(
            PROJECT,
            (("funds", 0, "share"), "0.5"),
            (("funds", 1), {"source": "fiscal", "share": "0.50"}),
            (("funds", 2), {"source": "financial", "share": "0"}),
        ),
    ):
        assert faults(record) == []


@pytest.mark.parametrize("number", [GONE, None, "", "5119222017", "51192221170001"])
def test_a_filing_number_of_no_form_makes_the_project_ineligible_not_faulty(number: object) -> None:
    outcome = json.loads(crediting(json.dumps(changed(PROJECT, (("filing_no",), number))).encode()))
    assert outcome["reasons"] == ["not_filed"]


def test_every_fault_is_reported_and_none_that_only_follows_from_another() -> None:
    record = changed(
        ROUND,
        (("rules", "lot"), "x"),
        (("rules", "floor"), 1),
        (("rules", "tie"), "none"),
        ((*L0, "quantity"), "0"),
        ((*L0, "ask"), "1"),
        (("bids", 1, "buyer"), ""),
        (("bids", 2), 5),
        (("zzz",), 5),
    )
    assert sorted(faults(record)) == [
        "$.bids[1].buyer",
        "$.bids[2]",
        "$.listings[0].quantity",
        "$.rules.floor",
        "$.rules.lot",
        "$.rules.tie",
        "$.zzz",
    ]
    project = changed(LINKAGE, (("kind",), "?"), ((*P0, "area"), "?"), (("funds", 0, "share"), "?"))
    assert faults(project) == ["$.kind", "$.funds[0].share", "$.parcels[0].area"]


def test_an_empty_object_lacks_every_required_field() -> None:
    assert faults(b"{}", "credit") == ["$.format", "$.kind", "$.started_on", "$.funds", "$.parcels"]


def test_the_refusal_of_a_record_names_every_fault() -> None:
    with pytest.raises(FaultyRecord) as refusal:
        read_round(b"{}")
    assert refusal.value.code == "faulty_record"
    assert len(refusal.value.faults) == 7
    assert "$.bids: is missing" in refusal.value.detail
