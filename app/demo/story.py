"""The first act: from accepted projects to settled transfers, on the real figures of 巴中 and 成都.

Each step is what its user would do over HTTP; the demonstration fails at the first one that goes
otherwise than told.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.demo.books import INDICATORS, Books, unchanged
from app.demo.stage import Actor, DemoFailed, Stage, say, step

NAMES = {
    "511902": "巴州区",
    "511903": "恩阳区",
    "511921": "通江县",
    "511922": "南江县",
    "511923": "平昌县",
    "510722": "三台县",
    "510191": "成都高新区",
    "510100": "成都市",
    "510400": "攀枝花市",
    "510300": "自贡市",
    "510500": "泸州市",
}
SELLERS = {
    "511902": "BAZHOU",
    "511903": "ENYANG",
    "511921": "TONGJIANG",
    "511922": "NANJIANG",
    "511923": "PINGCHANG",
    "510722": "SANTAI",
}
BUYERS = {"510100": "CHENGDU", "510400": "PANZHIHUA", "510300": "ZIGONG", "510500": "LUZHOU"}

# March 2016: 巴中 sold 300 hm² of surplus linkage quota to 成都高新区 at 442.5 万元/hm².
LINKAGE_HM2 = {
    "511902": "60.0000",
    "511903": "50.0000",
    "511921": "80.0000",
    "511922": "70.0000",
    "511923": "40.0000",
}
LINKAGE_PRICE = "4425000.00"
LINKAGE_AMOUNT_WAN_YUAN = Decimal("132750")

# 0.29 万 hm² of farmland indicators from 巴中 for 8.6 亿元: 580 hm² from each of its five counties.
FARMLAND_PARCELS_HM2 = ("290.0000", "290.0000")
SANTAI_PARCELS_HM2 = ("300.0000", "300.0000")
BIDS = {
    "510100": ("1500.0000", "300000.00"),
    "510400": ("900.0000", "295000.00"),
    "510300": ("500.0000", "289000.00"),
    "510500": ("400.0000", "285000.00"),
}
BAZHONG_YUAN = Decimal("860000000.00")


class Story:
    """The actors, and the acts they play in order."""

    def __init__(self, stage: Stage) -> None:
        """Call the actors on stage."""
        self.stage = stage
        self.regulator = stage.actor("LAND_REGULATOR")
        self.price_regulator = stage.actor("PRICE_REGULATOR")
        self.treasurer = stage.actor("TREASURER")
        self.auditor = stage.actor("AUDITOR")
        self.gaoxin = stage.actor("GAOXIN")
        self.public = stage.actor()
        self.sellers = {code: stage.actor(name) for code, name in SELLERS.items()}
        self.buyers = {code: stage.actor(name) for code, name in BUYERS.items()}
        self.batches: dict[tuple[str, str], str] = {}
        self.serial = 0

    def books(self) -> Books:
        """The books of everybody in the story, as an auditor reads them."""
        return Books(self.auditor, NAMES)

    def play(self) -> None:
        """Trade, from accepted projects to settled transfers, with the books before and after."""
        self.projects()
        self.bands()
        step("The books before any trade")
        before = self.books()
        before.show()
        self.key_project()
        step("The books after the key project")
        self.books().show()
        self.auction()
        step("The books after all trades")
        after = self.books()
        after.show()
        if not unchanged(before, after, list(INDICATORS)):
            raise DemoFailed("the trades changed the total of an indicator")
        say("    Totals over all reserves are unchanged, indicator by indicator.")

    # ── What the counties have earned ──────────────────────────────────────────────────

    def projects(self) -> None:
        """Counties file projects; the regulator accepts them, and the reserves are credited."""
        step("巴中's counties file land projects; the province accepts them and credits their reserves")
        for code, area in LINKAGE_HM2.items():
            self._project(code, "linkage", area)
        for code in LINKAGE_HM2:
            self._project(code, "land_consolidation", *FARMLAND_PARCELS_HM2)
        self._project("510722", "land_consolidation", *SANTAI_PARCELS_HM2)

    def _project(self, code: str, kind: str, *areas: str) -> None:
        self.serial += 1
        linkage = kind == "linkage"
        before = {"use_before": "construction"} if linkage else {"use_before": "unused"}
        parcels = [
            {
                "id": f"{code}-{self.serial:04d}-{number}",
                "area": area,
                "use_after": "dry_land",
                "grade_after": 10,
            }
            | before
            for number, area in enumerate(areas, 1)
        ]
        body: dict[str, Any] = {
            "filing_no": f"{code}2018{self.serial:04d}",
            "kind": kind,
            "name": f"{NAMES[code]}{'增减挂钩' if linkage else '土地整治'}项目",
            "department": f"{NAMES[code]}自然资源和规划局",
            "started_on": "2018-03-01",
            "funds": [{"source": "reclamation_fee", "share": "0.60"}, {"source": "fiscal", "share": "0.40"}],
            "parcels": parcels,
        }
        if linkage:
            body |= {"surplus_as": "linkage_quota", "resettlement_area": "0.0000"}
        project = self.sellers[code].post("/v1/projects", body)
        accepted = self.regulator.post(
            f"/v1/projects/{project['id']}/acceptance",
            {
                "accepted_on": "2019-11-05",
                "accepting_body": "四川省自然资源厅",
                "surplus_recognised": linkage,
            },
        )
        for batch in accepted["batches"]:
            self.batches[code, batch["indicator"]] = batch["id"]
        earned = ", ".join(
            f"{batch['quantity']} {batch['unit']} {batch['indicator']}" for batch in accepted["batches"]
        )
        say(f"    {NAMES[code]} {project['id']} {kind}: {earned}")

    def bands(self) -> None:
        """The price regulator publishes floor, ceiling and key-project price with the costs they rest on."""
        step("The price regulator publishes the bands 限价, with the costs they rest on")
        starts_at = (self.stage.now() + timedelta(minutes=1)).isoformat()
        linkage = {"floor": "4000000.00", "key_project_price": LINKAGE_PRICE, "ceiling": "4500000.00"}
        farmland = {"floor": "250000.00", "key_project_price": "296552.00", "ceiling": "450000.00"}
        self._band({"indicator": "linkage_quota", "starts_at": starts_at} | linkage, "3600000.00")
        self._band({"indicator": "farmland_quantity", "starts_at": starts_at} | farmland, "200000.00")
        self.stage.advance(minutes=2)

    def _band(self, terms: dict[str, str], average_cost: str) -> None:
        costs = {
            "average_cost": average_cost,
            "protection_compensation": "30000.00",
            "annual_upkeep": "2000.00",
            "upkeep_years": 10,
        }
        factors = {"floor_factor": "1", "ceiling_factor": "1.8"}
        band = self.price_regulator.post("/v1/price-bands", terms | factors | {"costs": costs})
        prices = f"floor {terms['floor']}, key {terms['key_project_price']}, ceiling {terms['ceiling']}"
        say(f"    {band['id']} {terms['indicator']}: {prices} yuan/hm²")

    # ── A key project at the fixed price ───────────────────────────────────────────────

    def key_project(self) -> None:
        """成都高新区's key project is served 300 hm² of linkage quota at the fixed price."""
        step("A key project 重点项目 of 成都高新区 needs 300 hm² of linkage quota: fixed-price allocation")
        for code, area in LINKAGE_HM2.items():
            self._list(code, "linkage_quota", area)
        short = self.sellers["511922"].refused(
            "/v1/listings", {"batch_id": self.batches["511922", "linkage_quota"], "quantity": "0.0001"}
        )
        say(f"    南江县 tries to list 1 m² more: {short['status']} {short['code']}: {short['detail']}")
        application = self.gaoxin.post(
            "/v1/land-applications",
            {"kind": "linkage", "title": "高新南区重点项目建新区", "new_construction_area": "300.0000"},
        )
        need = self._need(
            self.gaoxin, application["id"], {"linkage_quota": "300.0000"}, key_level="provincial"
        )
        self.pay_in("510191", LINKAGE_AMOUNT_WAN_YUAN * 10_000)
        allocation = self.regulator.post("/v1/allocations")
        say(f"    allocation {allocation['id']}: {len(allocation['fills'])} fills, nothing unfilled")
        self.stage.keep(
            "key-project",
            self.public.text(f"/v1/allocations/{allocation['id']}/record"),
            self.public.text(f"/v1/allocations/{allocation['id']}/outcome"),
            "allocate",
        )
        trades = self._trades("AWARDED")
        self.complete(trades, {"510191": self.gaoxin})
        amount = sum(Decimal(trade["amount"]) for trade in trades)
        say(f"    300 hm² × 442.5 万元/hm² = {amount / 10_000:,.6f} 万元, to the fen: {amount:,.2f} yuan")
        if amount != LINKAGE_AMOUNT_WAN_YUAN * 10_000:
            raise DemoFailed(f"the key project cost {amount} yuan")
        if self.gaoxin.get(f"/v1/needs/{need}")["state"] != "MET":
            raise DemoFailed("the key project's need is not met")

    # ── Everything else by sealed bids ───────────────────────────────────────────────

    def auction(self) -> None:
        """Four cities bid sealed for farmland; poverty counties are sold first."""
        step("三台县 (not poor) lists farmland first; 巴中's poverty counties list after it")
        self._list("510722", "farmland_quantity", "600.0000")
        self.stage.advance(hours=1)
        for code in LINKAGE_HM2:
            self._list(code, "farmland_quantity", "580.0000")
        queue = self.public.get("/v1/bulletin/listings", indicator="farmland_quantity")["items"]
        say("    the public queue: " + ", ".join(NAMES[listing["county"]] for listing in queue))
        if queue[-1]["county"] != "510722":
            raise DemoFailed("the poverty counties do not go first")

        step("Four cities can't balance at home; the province approves their needs")
        needs = {code: self._city_need(code) for code in BUYERS}

        step("The regulator announces an auction 场次; the cities register with a limit and a deposit")
        auction = self._announce()
        for code, need in needs.items():
            limit = BIDS[code][0]
            registered = self.buyers[code].post(
                f"/v1/auctions/{auction}/registrations", {"need_id": need, "limit": limit}
            )
            deposit = Decimal(registered["deposit"])
            say(f"    {NAMES[code]}: limit {limit} hm², deposit held {deposit:,.2f} yuan")
        self._bid(auction)
        self._open(auction)

    def _city_need(self, code: str) -> str:
        quantity = BIDS[code][0]
        self.pay_in(code, Decimal(quantity) * 450_000)
        application = self.buyers[code].post(
            "/v1/land-applications",
            {
                "kind": "town_batch",
                "title": f"{NAMES[code]}城市批次",
                "parcels": [{"parcel_no": f"{code}-A1", "area": quantity, "use": "dry_land", "grade": 9}],
            },
        )
        return self._need(
            self.buyers[code], application["id"], {"farmland_quantity": quantity}, key_level=None
        )

    def _announce(self) -> str:
        opens_at = self.stage.now() + timedelta(minutes=5)
        auction = self.regulator.post(
            "/v1/auctions",
            {
                "indicator": "farmland_quantity",
                "opens_at": opens_at.isoformat(),
                "closes_at": (opens_at + timedelta(days=30)).isoformat(),
            },
        )
        say(
            f"    auction {auction['id']}: {auction['pricing']}, "
            f"bids from {auction['opens_at']} to {auction['closes_at']}"
        )
        return str(auction["id"])

    def _bid(self, auction: str) -> None:
        step("Sealed bids: neither the API, nor a log, nor a dump of the database shows them early")
        path = f"/v1/auctions/{auction}/bids"
        early = self.buyers["510100"].refused(path, {"price": "300000.00", "quantity": "1.0000"})
        say(f"    too early: {early['status']} {early['code']}")
        self.stage.advance(minutes=10)
        outside = self.buyers["510300"].refused(path, {"price": "249999.99", "quantity": "500.0000"})
        say(f"    自贡市 outside the band: {outside['status']} {outside['code']}: {outside['detail']}")
        for code, (quantity, price) in BIDS.items():
            receipt = self.buyers[code].post(path, {"price": price, "quantity": quantity})
            say(
                f"    {NAMES[code]}: receipt {receipt['id']}, "
                f"stored as SHA-256 {receipt['sealed_sha256'][:16]}…"
            )
        peek = self.public.get("/v1/bulletin/announcements")["items"][0]
        if any(price in str(peek) for _, price in BIDS.values()):
            raise DemoFailed("a bid shows before the opening")

    def _open(self, auction: str) -> None:
        step("The closing time passes; the exchange opens the bids and clears the round")
        self.stage.advance(days=31)
        self._until_opened(auction)
        record = self.public.text(f"/v1/auctions/{auction}/record")
        outcome = self.public.text(f"/v1/auctions/{auction}/outcome")
        self.stage.keep("farmland-auction", record, outcome, "clear")
        trades = self._trades("AWARDED")
        for trade in trades:
            parts = ", ".join(f"{NAMES[line['seller']]} {line['quantity']}" for line in trade["lines"])
            say(f"    {NAMES[trade['buyer']]}: {parts}; {Decimal(trade['amount_wan_yuan']):,.2f} 万元")
        self.complete(trades, self.buyers)
        earned = sum(
            Decimal(line["amount"])
            for trade in trades
            for line in trade["lines"]
            if line["seller"] != "510722"
        )
        say(
            f"    巴中's five counties sold 2,900 hm² for {earned / 100_000_000:,.4f} 亿元; "
            "三台县, listed before them, comes last"
        )
        if earned != BAZHONG_YUAN:
            raise DemoFailed(f"巴中's counties earned {earned} yuan")

    def _until_opened(self, auction: str) -> None:
        deadline = datetime.now().astimezone() + timedelta(seconds=30)
        while self.regulator.get(f"/v1/auctions/{auction}")["state"] != "OPENED":
            if datetime.now().astimezone() > deadline:
                raise DemoFailed("the worker did not open the auction")

    # ── What several acts need ──────────────────────────────────────────────────────────────────

    def _list(self, code: str, indicator: str, quantity: str) -> None:
        listing = self.sellers[code].post(
            "/v1/listings", {"batch_id": self.batches[code, indicator], "quantity": quantity}
        )
        say(f"    {NAMES[code]} lists {quantity} hm² of {indicator} ({listing['id']})")

    def _need(
        self, buyer: Actor, application: str, quantities: dict[str, str], *, key_level: str | None
    ) -> str:
        need = buyer.post("/v1/needs", {"application_id": application, "quantities": quantities})
        self.regulator.post(f"/v1/needs/{need['id']}/approval", {"key_level": key_level})
        say(f"    need {need['id']} of {NAMES[need['buyer']]} approved: {quantities}")
        return str(need["id"])

    def pay_in(self, code: str, yuan: Decimal) -> None:
        """Have the treasurer record money that came in from the bank."""
        self.serial += 1
        body = {"amount": f"{yuan:.2f}", "reference": f"BANK-{self.serial:06d}"}
        self.treasurer.post(f"/v1/accounts/{code}/deposits", body)

    def _trades(self, state: str) -> list[Any]:
        return list(self.auditor.get("/v1/trades", state=state)["items"])

    def complete(self, trades: list[Any], buyers: dict[str, Actor]) -> None:
        """Wait out the public notice, confirm, pay and settle each trade."""
        ends = max(datetime.fromisoformat(trade["notice_ends_at"]) for trade in trades)
        self.stage.advance(seconds=max(1.0, (ends - self.stage.now()).total_seconds() + 60))
        for trade in trades:
            path = f"/v1/trades/{trade['id']}"
            buyers[trade["buyer"]].post(f"{path}/confirmation")
            buyers[trade["buyer"]].post(f"{path}/payment")
            done = self.treasurer.post(f"{path}/settlement")
            if done["state"] != "SETTLED":
                raise DemoFailed(f"trade {trade['id']} is {done['state']}")
        say(f"    {len(trades)} trade(s): notice 公示, confirmed 成交确认书, paid and settled 划转")
