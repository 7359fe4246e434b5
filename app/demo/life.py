"""The second act: the life of an indicator beyond the market, as the ministry's notice tells it.

A town batch is written off, a commitment falls due and is made good, a fraud is voided, the year is assessed.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.demo.stage import Actor, DemoFailed, say, step
from app.demo.story import NAMES, Story

CHINA = ZoneInfo("Asia/Shanghai")
PHOTOGRAPHS_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
OWED_HM2 = "0.5000"
FARMLAND = ("farmland_quantity", "paddy_area", "grain_capacity")


class Life:
    """The acts that follow the trade, played by the same actors in the same books."""

    def __init__(self, story: Story) -> None:
        """Go on where the story of the trade ended."""
        self.story = story
        self.stage = story.stage
        self.regulator = story.regulator

    def play(self) -> None:
        """What happens to indicators beside and after the trade, to the end of the year."""
        self.town_batch()
        self.commitment()
        self.fraud()
        self.assessment()

    # ── A town batch is written off ─────────────────────────────────────────────────────────────

    def town_batch(self) -> None:
        """平昌县 writes off what its town batch occupies: all three indicators together, or none."""
        step("平昌县's town batch 城镇批次 occupies farmland: written off 核销 from its own reserve")
        county = self.story.sellers["511923"]
        filed = county.post(
            "/v1/projects",
            self._papers(
                "511923",
                "平昌县高标准农田项目",
                {"id": "511923-9001", "area": "12.0000", "use_after": "dry_land", "grade_after": 8},
                {"id": "511923-9002", "area": "6.0000", "use_after": "paddy", "grade_after": 8},
            ),
        )
        self._accept(filed["id"])
        self._reserve(county, "511923")
        large = self._apply(county, "town_batch", paddy="9.0000", dry="40.0000")
        short = county.refused(f"/v1/land-applications/{large}/write-off", {})
        lacking = ", ".join(f"{much} {name}" for name, much in short["facts"]["shortage"].items())
        say(f"    49 hm² with 9 hm² of paddy: {short['status']} {short['code']}, lacking {lacking}")
        county.post(f"/v1/land-applications/{large}/withdrawal")
        batch = self._apply(county, "town_batch", paddy="6.0000", dry="4.0000")
        written = county.post(f"/v1/land-applications/{batch}/write-off")
        for used in written["write_off"]["batches"]:
            say(
                f"    {batch}: {used['quantity']} {used['indicator']} of {used['batch_id']}, "
                f"project {used['project_id']} (备案编号 {used['filing_no']})"
            )
        approved = self.regulator.post(f"/v1/land-applications/{batch}/decision", {"decision": "approve"})
        say(f"    the province approves it: {approved['state']}")
        self._reserve(county, "511923")

    # ── A commitment falls due ──────────────────────────────────────────────────────────────────

    def commitment(self) -> None:
        """成都高新区 promises 10 hm², 9.5 hm² are there at the due date, and 0.5 hm² are made good."""
        step("成都高新区 has no farmland indicators: it commits itself 承诺补充 to supply them by a day")
        gaoxin = self.story.gaoxin
        project = gaoxin.post(
            "/v1/projects",
            self._papers(
                "510191",
                "高新区补充耕地项目",
                {"id": "510191-0001", "area": "9.5000", "use_after": "dry_land", "grade_after": 11},
                {
                    "id": "510191-0002",
                    "area": "2.5000",
                    "use_before": "dry_land",
                    "grade_before": 12,
                    "use_after": "dry_land",
                    "grade_after": 11,
                },
            ),
        )["id"]
        application = gaoxin.post(
            "/v1/land-applications",
            {
                "kind": "separate_site",
                "title": "高新区快速路",
                "parcels": [{"parcel_no": "510191-A1", "area": "10.0000", "use": "dry_land", "grade": 11}],
            },
        )["id"]
        due_on = (self.stage.now().astimezone(CHINA) + timedelta(days=120)).date()
        drafted = gaoxin.post(
            "/v1/commitments",
            {
                "application_id": application,
                "project_id": project,
                "quantities": {"farmland_quantity": "10.0000", "grain_capacity": "75000.00"},
                "due_on": due_on.isoformat(),
            },
        )
        number = drafted["id"]
        gaoxin.post(f"/v1/commitments/{number}/filing")
        self.regulator.post(f"/v1/commitments/{number}/activation")
        gaoxin.post(f"/v1/land-applications/{application}/write-off")
        self.regulator.post(f"/v1/land-applications/{application}/decision", {"decision": "approve"})
        say(f"    {number} of {application}: 10 hm² and 75,000 kg by {due_on}; the road may be built")
        self._accept(project)
        say("    smaller than promised: its 9.5 hm² and 75,000 kg are earmarked 专项预留")
        self._reserve(gaoxin, "510191")
        self.stage.advance(days=122)
        due = self._until(gaoxin, f"/v1/commitments/{number}", "DEFAULTED")
        owed = ", ".join(f"{each['quantity']} {each['unit']} {each['indicator']}" for each in due["deficit"])
        say(f"    due: everything earmarked is written off, once; still owed: {owed}")
        if [each["quantity"] for each in due["deficit"]] != [OWED_HM2]:
            raise DemoFailed(f"the commitment owes {owed}")
        self._make_good(gaoxin, due["obligation"])
        self._until(gaoxin, f"/v1/commitments/{number}", "MADE_GOOD")
        say(f"    {number} is made good; its rectification 限期整改 is lifted")

    def _make_good(self, buyer: Actor, obligation: str) -> None:
        """Buy what is owed at the seller's price (市场), and discharge the obligation."""
        short = buyer.refused(f"/v1/obligations/{obligation}/discharge", {})
        say(f"    {obligation} can't be discharged from an empty reserve: {short['status']} {short['code']}")
        starts_at = (self.stage.now() + timedelta(minutes=1)).isoformat()
        modes = {indicator: ["auction", "market"] for indicator in (*FARMLAND, "linkage_quota")}
        self.regulator.post("/v1/policies", {"name": "trade_modes", "value": modes, "starts_at": starts_at})
        self.stage.advance(minutes=2)
        need = buyer.post(
            "/v1/needs", {"obligation_id": obligation, "quantities": {"farmland_quantity": OWED_HM2}}
        )["id"]
        self.regulator.post(f"/v1/needs/{need}/approval", {"key_level": None})
        listing = next(
            each
            for each in self.story.public.get("/v1/bulletin/listings", indicator="farmland_quantity")["items"]
            if each["county"] == "510722"
        )
        self.story.pay_in("510191", Decimal(1_000_000))
        bought = buyer.post(
            "/v1/purchases",
            {
                "mode": "market",
                "need_id": need,
                "listing_id": listing["id"],
                "quantity": OWED_HM2,
                "price": "250000.00",
            },
        )
        say(f"    bought of 三台县 at its own price 市场: {OWED_HM2} hm² for {bought['amount']} yuan")
        self.story.complete([buyer.get(f"/v1/trades/{bought['trade_id']}")], {"510191": buyer})
        self._letter(buyer, bought["trade_id"])
        buyer.post(f"/v1/obligations/{obligation}/discharge")

    def _letter(self, buyer: Actor, trade: str) -> None:
        letter = buyer.content(f"/v1/trades/{trade}/confirmation-letter")
        (self.stage.folder / "confirmation-letter.pdf").write_bytes(letter)
        say("    its confirmation 成交确认书: confirmation-letter.pdf, with a QR code to the public record")

    # ── A fraud is voided ───────────────────────────────────────────────────────────────────────

    def fraud(self) -> None:
        """恩阳区's project turns out to be none: its stock is cancelled, what it sold is owed."""
        step("An inspection 检查 finds that 恩阳区's farmland was never made: the project is voided 作废")
        batch = self.story.batches["511903", "farmland_quantity"]
        project = next(
            each["project_id"]
            for each in self.story.auditor.get("/v1/reserves/511903/batches")["items"]
            if each["batch_id"] == batch
        )
        before = {code: self._quantity(code) for code in self.story.buyers}
        inspection = self.regulator.post("/v1/inspections", {"project_id": project})["id"]
        self.regulator.post(
            f"/v1/inspections/{inspection}/findings",
            {
                "what": "现场无耕作层，验收影像系伪造",
                "severity": "fraud",
                "document_sha256": PHOTOGRAPHS_SHA256,
            },
        )
        self.regulator.post(
            f"/v1/inspections/{inspection}/conclusion", {"conclusion": "fraud", "reason": "虚假补充耕地"}
        )
        voided = self.regulator.post(
            f"/v1/projects/{project}/voiding",
            {"inspection_id": inspection, "reason_code": "no_such_land", "reason": "虚假补充耕地"},
        )
        for each in voided["voiding"]["batches"]:
            say(
                f"    {each['indicator']}: {each['cancelled']} {each['unit']} cancelled, "
                f"{each['owed']} {each['unit']} to be replaced by 恩阳区"
            )
        if before != {code: self._quantity(code) for code in self.story.buyers}:
            raise DemoFailed("a buyer in good faith lost something")
        say("    The cities that bought of it in good faith keep theirs.")

    def _quantity(self, code: str) -> str:
        balances = self.story.auditor.get(f"/v1/reserves/{code}")["balances"]
        return str(next(each["total"] for each in balances if each["indicator"] == "farmland_quantity"))

    # ── The year is assessed ────────────────────────────────────────────────────────────────────

    def assessment(self) -> None:
        """The year ends, is closed for good, and everybody may read it."""
        year = self.stage.now().astimezone(CHINA).year
        step(f"The year {year} ends and is assessed 年度考核: county by county, and the province in sum")
        ends_at = datetime(year + 1, 1, 1, 2, tzinfo=CHINA).astimezone(UTC)
        self.stage.advance(seconds=(ends_at - self.stage.now()).total_seconds())
        self.regulator.post(f"/v1/assessments/{year}/closing")
        record = self.story.public.get(f"/v1/bulletin/assessments/{year}")
        for unit in record["units"]:
            part = unit["total"] or unit["own"]
            if unit["code"] in (*NAMES, "510000"):
                reasons = ", ".join(self._reason(each) for each in part["reasons"]) or "everything balances"
                say(f"    {unit['code']} {unit['name']}: {part['result']}: {reasons}")
        results = {unit["code"]: unit["own"]["result"] for unit in record["units"]}
        if results["511903"] != "FAIL" or results["511923"] != "PASS":
            raise DemoFailed(f"恩阳区 is {results['511903']} and 平昌县 {results['511923']}")
        for form in ("xlsx", "pdf"):
            content = self.story.public.content(f"/v1/bulletin/assessments/{year}", form=form)
            (self.stage.folder / f"assessment-{year}.{form}").write_bytes(content)
        say(f"    assessment-{year}.xlsx and .pdf are for the desk and the file; anyone can have them.")

    def _reason(self, remark: Any) -> str:
        unit = f" {remark['unit']}" if remark["unit"] else ""
        return f"{remark['code']} {remark['figure']}{unit}"

    # ── What several acts need ──────────────────────────────────────────────────────────────────

    def _papers(self, code: str, name: str, *parcels: dict[str, Any]) -> dict[str, Any]:
        self.story.serial += 1
        return {
            "filing_no": f"{code}2019{self.story.serial:04d}",
            "kind": "land_consolidation",
            "name": name,
            "department": f"{NAMES[code]}自然资源和规划局",
            "started_on": "2019-03-01",
            "funds": [{"source": "reclamation_fee", "share": "1"}],
            "parcels": [{"use_before": "unused"} | parcel for parcel in parcels],
        }

    def _accept(self, project: str) -> None:
        accepted = self.regulator.post(
            f"/v1/projects/{project}/acceptance",
            {
                "accepted_on": self.stage.now().astimezone(CHINA).date().isoformat(),
                "accepting_body": "四川省自然资源厅",
            },
        )
        earned = ", ".join(
            f"{each['quantity']} {each['unit']} {each['indicator']}" for each in accepted["batches"]
        )
        say(f"    {project} is accepted: {earned}")

    def _apply(self, applicant: Actor, kind: str, *, paddy: str, dry: str) -> str:
        filed = applicant.post(
            "/v1/land-applications",
            {
                "kind": kind,
                "title": "平昌县城镇批次",
                "parcels": [
                    {"parcel_no": "511923-B1", "area": paddy, "use": "paddy", "grade": 8},
                    {"parcel_no": "511923-B2", "area": dry, "use": "dry_land", "grade": 8},
                ],
            },
        )
        return str(filed["id"])

    def _reserve(self, actor: Actor, code: str) -> None:
        held = {each["indicator"]: each for each in actor.get(f"/v1/reserves/{code}")["balances"]}
        shown = ", ".join(
            f"{name} {held[name]['available']} free, {held[name]['earmarked']} earmarked" for name in FARMLAND
        )
        say(f"    {NAMES[code]}'s reserve: {shown}")

    def _until(self, actor: Actor, path: str, state: str) -> Any:
        """Wait for the worker to bring something to a state."""
        deadline = datetime.now(UTC) + timedelta(seconds=30)
        while (found := actor.get(path))["state"] != state:
            if datetime.now(UTC) > deadline:
                raise DemoFailed(f"{path} is {found['state']}, not {state}")
        return found
