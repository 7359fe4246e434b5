"""Reserve pages over HTTP: balances by indicator and bucket, by batch with its origin, and entries."""

from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket, move
from app.store import clock, ledger
from app.store.database import Connection
from tests.conftest import Exchange
from tests.story import credited

COUNTY, BUYER = "511922", "510100"
LAND, PADDY, GRAIN, QUOTA = Indicator


async def sold(exchange: Exchange, batch: str, quantity: int) -> None:
    """Lock a quantity of a batch and transfer half of it to the buyer."""
    number = int(batch[1:])
    available, locked = (
        AccountKey(COUNTY, LAND, number, bucket) for bucket in (Bucket.AVAILABLE, Bucket.LOCKED)
    )
    bought = AccountKey(BUYER, LAND, number, Bucket.AVAILABLE)

    async def work(connection: Connection) -> None:
        at = await clock.now(connection)
        for kind, entries in (
            ("listing", move(available, locked, quantity)),
            ("settlement", move(locked, bought, quantity // 2)),
        ):
            await ledger.post(
                connection, kind=kind, reference="T0000000001", at=at, actor=None, entries=entries
            )

    await exchange.database.transact(work)


async def test_an_empty_reserve_shows_four_zeros(exchange: Exchange) -> None:
    officer = await exchange.county(COUNTY)
    shown = (await officer.get(f"/v1/reserves/{COUNTY}")).json()
    assert [each["indicator"] for each in shown["balances"]] == list(Indicator)
    assert {each["total"] for each in shown["balances"]} == {"0.0000", "0.00"}
    assert (await officer.get(f"/v1/reserves/{COUNTY}/batches")).json()["items"] == []
    assert (await officer.get(f"/v1/reserves/{COUNTY}/entries")).json()["items"] == []


async def test_a_reserve_shows_its_balances_by_indicator_and_bucket(exchange: Exchange) -> None:
    batches = await credited(exchange, COUNTY, {LAND: "10.0000", GRAIN: "300.00"})
    await sold(exchange, batches[LAND], 40_000)
    officer = await exchange.county(COUNTY)
    shown = {
        each["indicator"]: each for each in (await officer.get(f"/v1/reserves/{COUNTY}")).json()["balances"]
    }
    assert shown[LAND] == {
        "indicator": "farmland_quantity",
        "name_zh": "耕地数量",
        "unit": "hm²",
        "available": "6.0000",
        "locked": "2.0000",
        "earmarked": "0.0000",
        "total": "8.0000",
        "total_mu": "120.0000",
        "credited": "10.0000",
        "consumed": "0.0000",
    }
    assert (shown[GRAIN]["total"], shown[GRAIN]["total_mu"], shown[GRAIN]["unit"]) == ("300.00", None, "kg")
    buyer = await exchange.city(BUYER)
    bought = (await buyer.get(f"/v1/reserves/{BUYER}")).json()["balances"][0]
    assert (bought["total"], bought["credited"]) == ("2.0000", "0.0000")


async def test_every_hectare_keeps_its_project_of_origin(exchange: Exchange) -> None:
    batches = await credited(exchange, COUNTY, {LAND: "10.0000", PADDY: "1.0000"})
    await sold(exchange, batches[LAND], 40_000)
    buyer, officer = await exchange.city(BUYER), await exchange.county(COUNTY)
    (bought,) = (await buyer.get(f"/v1/reserves/{BUYER}/batches")).json()["items"]
    held = (await officer.get(f"/v1/reserves/{COUNTY}/batches")).json()["items"]
    assert [each["indicator"] for each in held] == [LAND, PADDY]
    origin = ("batch_id", "credited", "origin", "project_id", "project_name", "filing_no", "accepted_on")
    assert {name: bought[name] for name in origin} == {name: held[0][name] for name in origin}
    assert (bought["batch_id"], bought["origin"], bought["available"]) == (batches[LAND], COUNTY, "2.0000")
    assert (held[0]["available"], held[0]["locked"], held[0]["total"]) == ("6.0000", "2.0000", "8.0000")
    project = (await officer.get(f"/v1/projects/{bought['project_id']}")).json()
    assert (project["filing_no"], project["name"]) == (bought["filing_no"], bought["project_name"])


async def test_entries_tell_each_balance_before_and_after_newest_first(exchange: Exchange) -> None:
    batches = await credited(exchange, COUNTY, {LAND: "10.0000"})
    await sold(exchange, batches[LAND], 40_000)
    officer = await exchange.county(COUNTY)
    items = (await officer.get(f"/v1/reserves/{COUNTY}/entries")).json()["items"]
    assert [
        (each["kind"], each["bucket"], each["before"], each["amount"], each["after"]) for each in items
    ] == [
        ("settlement", "locked", "4.0000", "-2.0000", "2.0000"),
        ("listing", "locked", "0.0000", "4.0000", "4.0000"),
        ("listing", "available", "10.0000", "-4.0000", "6.0000"),
        ("credit", "available", "0.0000", "10.0000", "10.0000"),
    ]
    assert items[-1]["reference"].startswith("P")
    assert items[1]["transaction_id"] == items[2]["transaction_id"]
    assert {each["batch_id"] for each in items} == {batches[LAND]}


async def test_pages_of_batches_and_entries_neither_repeat_nor_skip(exchange: Exchange) -> None:
    for _ in range(2):
        batches = await credited(exchange, COUNTY, {LAND: "10.0000", PADDY: "1.0000", GRAIN: "300.00"})
        await sold(exchange, batches[LAND], 40_000)
    officer = await exchange.county(COUNTY)
    for list_, key in (("batches", "batch_id"), ("entries", "id")):
        whole = (await officer.get(f"/v1/reserves/{COUNTY}/{list_}", params={"limit": 200})).json()["items"]
        seen = []
        cursor: str | None = None
        for _ in range(50):
            params = {"limit": 1, **({"cursor": cursor} if cursor else {})}
            page = (await officer.get(f"/v1/reserves/{COUNTY}/{list_}", params=params)).json()
            seen += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == whole
        assert len({each[key] for each in whole}) == len(whole) >= 6
        only = await officer.get(f"/v1/reserves/{COUNTY}/{list_}", params={"indicator": "paddy_area"})
        assert only.json()["items"] == [each for each in whole if each["indicator"] == PADDY]


async def test_a_reserve_is_its_own_countys_and_its_overseers_to_read(exchange: Exchange) -> None:
    neighbour, regulator = await exchange.county("511921"), await exchange.regulator()
    for page in ("", "/batches", "/entries"):
        foreign = await neighbour.get(f"/v1/reserves/{COUNTY}{page}")
        assert (foreign.status_code, foreign.json()["code"]) == (403, "not_permitted")
        assert (await regulator.get(f"/v1/reserves/{COUNTY}{page}")).status_code == 200
        assert (await regulator.get(f"/v1/reserves/999999{page}")).status_code == 404
        assert (await exchange.public().get(f"/v1/reserves/{COUNTY}{page}")).status_code == 401


async def test_an_unchanged_reserve_is_not_sent_again(exchange: Exchange) -> None:
    officer = await exchange.county(COUNTY)
    first = await officer.get(f"/v1/reserves/{COUNTY}")
    tag = {"If-None-Match": first.headers["etag"]}
    assert (await officer.get(f"/v1/reserves/{COUNTY}", headers=tag)).status_code == 304
    await credited(exchange, COUNTY, {LAND: "10.0000"})
    assert (await officer.get(f"/v1/reserves/{COUNTY}", headers=tag)).status_code == 200


async def test_a_cursor_of_another_reserve_is_refused(exchange: Exchange) -> None:
    await credited(exchange, COUNTY, {LAND: "10.0000", PADDY: "1.0000"})
    regulator = await exchange.regulator()
    page = (await regulator.get(f"/v1/reserves/{COUNTY}/batches", params={"limit": 1})).json()
    answer = await regulator.get("/v1/reserves/511921/batches", params={"cursor": page["next_cursor"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")
