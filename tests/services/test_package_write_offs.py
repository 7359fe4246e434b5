"""Write-offs as packages: out as they were made, and in only if they are what the exchange would make."""

import json
from typing import Any

import pytest

from app.market.packages import PackageForm, PackageKind
from app.services.days import day_of
from tests.conftest import Exchange
from tests.package_files import COUNTY, acceptance, filing, jsonl
from tests.services.test_packages import exported, faults_of, figures, imported, without_making
from tests.story import verified

FIRST, SECOND = f"{COUNTY}20180001", f"{COUNTY}20180002"
# 10 hm² of grade 10: 8 hm² and 72,000 kg of the first project, the rest of the second.
BATCHES = [
    {"indicator": "farmland_quantity", "filing_no": FIRST, "quantity": "8.0000"},
    {"indicator": "farmland_quantity", "filing_no": SECOND, "quantity": "2.0000"},
    {"indicator": "grain_capacity", "filing_no": FIRST, "quantity": "72000.00"},
    {"indicator": "grain_capacity", "filing_no": SECOND, "quantity": "18000.00"},
]


async def stocked(exchange: Exchange) -> None:
    """A reserve of two projects, 8 hm² and 72,000 kg each, the first one older."""
    await imported(exchange.database, jsonl("filings", [filing(1), filing(2)]))
    await imported(exchange.database, jsonl("acceptances", [acceptance(1), acceptance(2)]))


async def applied(exchange: Exchange, area: str = "10.0000") -> str:
    """An application of the county for so much dry land of grade 10."""
    officer = await exchange.county(COUNTY)
    parcels = [{"parcel_no": "1", "area": area, "use": "dry_land", "grade": 10}]
    answer = await officer.post(
        "/v1/land-applications", {"kind": "town_batch", "title": "批次", "parcels": parcels}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def row(exchange: Exchange, application: str, /, **given: Any) -> dict[str, Any]:
    """The write-off for an application, made today."""
    return {
        "application": application,
        "applicant": COUNTY,
        "reserve": COUNTY,
        "written_off_on": day_of(await exchange.now()).isoformat(),
        "batches": BATCHES,
        **given,
    }


async def state_of(exchange: Exchange, application: str) -> str:
    """Where an application stands."""
    officer = await exchange.county(COUNTY)
    return str((await officer.get(f"/v1/land-applications/{application}")).json()["state"])


@pytest.mark.parametrize("form", PackageForm)
async def test_a_write_off_is_exported_with_the_batches_that_it_used_up(
    exchange: Exchange, form: PackageForm
) -> None:
    await stocked(exchange)
    application = await applied(exchange)
    officer = await exchange.county(COUNTY)
    assert (await officer.post(f"/v1/land-applications/{application}/write-off")).status_code == 201
    package = await exported(exchange.database, PackageKind.WRITE_OFFS, form)
    if form is PackageForm.JSON:
        assert [json.loads(line) for line in package.splitlines()[1:-1]] == [await row(exchange, application)]
    again = await imported(exchange.database, package)
    assert (again.row.row_count, again.row.entered) == (1, 0)
    assert without_making(await exported(exchange.database, PackageKind.WRITE_OFFS, form)) == without_making(
        package
    )
    refused = await (await exchange.regulator()).post(
        f"/v1/land-applications/{application}/decision", {"decision": "refuse", "reason": "不符"}
    )
    assert refused.status_code == 201, refused.text
    none = await exported(exchange.database, PackageKind.WRITE_OFFS)
    assert json.loads(none.splitlines()[0])["counts"] == {"write_offs": 0, "batches": 0}


async def test_a_write_off_made_elsewhere_is_made_here(exchange: Exchange) -> None:
    await stocked(exchange)
    first, second = await applied(exchange), await applied(exchange, "1.0000")
    rest = [
        {"indicator": "farmland_quantity", "filing_no": SECOND, "quantity": "1.0000"},
        {"indicator": "grain_capacity", "filing_no": SECOND, "quantity": "9000.00"},
    ]
    rows = [
        await row(exchange, first, written_off_on="2026-01-05", batches=list(reversed(BATCHES))),
        await row(exchange, second, batches=rest),
    ]
    done = await imported(exchange.database, jsonl("write-offs", rows))
    assert (done.row.row_count, done.row.entered) == (2, 2)
    assert [await state_of(exchange, each) for each in (first, second)] == ["WRITTEN_OFF"] * 2
    # The same rows in another package: the day they were made on elsewhere is no difference.
    again = await imported(exchange.database, jsonl("write-offs", rows, made_at="2026-04-01T00:00:00Z"))
    assert again.row.entered == 0
    await verified(exchange)


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"batches": BATCHES[:1]}, "batches", "by the exchange"),
        (
            {"batches": [{**BATCHES[0], "filing_no": SECOND}, *BATCHES[2:]]},
            "batches",
            "the oldest first",
        ),
        ({"applicant": "511921"}, "applicant", f"{COUNTY} in the exchange"),
        ({"reserve": "511900"}, "reserve", f"{COUNTY} in the exchange"),
        ({"written_off_on": "2999-01-01"}, "written_off_on", "later"),
        ({"application": "F0000009999"}, "application", "no land application"),
        ({"batches": []}, "batches", "at least one"),
        ({"batches": [BATCHES[0], BATCHES[0]]}, "batches.1.filing_no", "again"),
    ],
)
async def test_a_write_off_that_the_exchange_would_not_make_is_refused(
    exchange: Exchange, given: dict[str, Any], field: str, said: str
) -> None:
    await stocked(exchange)
    application = await applied(exchange)
    before = await figures(exchange.database, "write_off", "posting", "journal_event")
    found = await faults_of(
        exchange.database, jsonl("write-offs", [await row(exchange, application, **given)])
    )
    assert all(line.startswith(f"line 2, {field}: ") and said in line for line in found), found
    assert await figures(exchange.database, "write_off", "posting", "journal_event") == before
    assert await state_of(exchange, application) == "FILED"


async def test_a_reserve_that_is_short_refuses_the_row_and_with_it_the_package(exchange: Exchange) -> None:
    await stocked(exchange)
    small, large = await applied(exchange), await applied(exchange, "10.0000")
    rows = [await row(exchange, small), await row(exchange, large)]
    (line,) = await faults_of(exchange.database, jsonl("write-offs", rows))
    assert line.startswith("line 3: ") and "farmland_quantity" in line
    assert [await state_of(exchange, each) for each in (small, large)] == ["FILED"] * 2
    await verified(exchange)


async def test_what_is_written_off_with_other_batches_is_told(exchange: Exchange) -> None:
    await stocked(exchange)
    application = await applied(exchange)
    await imported(exchange.database, jsonl("write-offs", [await row(exchange, application)]))
    other = [{**BATCHES[0], "quantity": "7.0000"}, *BATCHES[1:]]
    package = jsonl("write-offs", [await row(exchange, application, batches=other)])
    (line,) = await faults_of(exchange.database, package)
    assert "7.0000 here, 8.0000 by the exchange" in line
