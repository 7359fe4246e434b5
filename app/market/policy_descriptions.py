"""What each policy means, in English and Chinese, and how its value is written: one row a policy.

Beside ``policies.FORMS``: a test walks both and finds what the other lacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.market.policies import CALENDAR_NAME


@dataclass(frozen=True, slots=True)
class Description:
    """How a policy's value is written, and what it decides, for a person."""

    form: str
    en: str
    zh: str


SWITCH = "true or false"
SHARE = 'decimal string above 0 and at most 1, at most 6 places, such as "0.25"'

DESCRIPTIONS: Mapping[str, Description] = {
    "yield_table": Description(
        'object: grades "1" to "15", each a decimal string in kg/hm² with at most 2 places',
        "Yield by quality grade, for grain capacity: of a project by the day it was accepted, of a land "
        "application by the day it was filed.",
        "各质量等别的单位产能：项目按验收之日、用地报批按申报之日的标准计算粮食产能。",
    ),
    "deposit_rate": Description(
        SHARE,
        "Deposit as a share: of ceiling × limit for bids, fixed when the auction is announced; of the amount "
        "for a purchase.",
        "保证金比例：竞价按最高限价与竞买限额的乘积，以公告之时为准；购买按成交金额，以成交之时为准。",
    ),
    "buyer_cap_share": Description(
        f"{SHARE}; or null for no cap",
        "The most that one buyer can win of the supply that asks at most its price, fixed when the auction "
        "is announced; an announcement may set its own.",
        "单一受让方可竞得数量占同价可供数量的上限比例，以公告之时为准；公告可另行规定。",
    ),
    "bids_per_buyer": Description(
        "whole number from 1 to 1000",
        "How many bids a buyer may have in force in one auction, fixed when it is announced.",
        "每个受让方在一场次中可同时有效的报价数，以公告之时为准。",
    ),
    "lots": Description(
        "object: each indicator a decimal string above 0 in its unit, hm² with 4 places or kg with 2",
        "The smallest quantity of each indicator that is auctioned or bought; an auction may set its own.",
        "各类指标竞价、购买的最小单位数量；竞价公告可另行规定。",
    ),
    "trade_modes": Description(
        "object: each indicator a list of one or more of auction, unified_price, market",
        "In which modes an indicator is sold to needs of no key project: an auction by the policy of its "
        "announcement, a purchase by that of its moment.",
        "各类指标向非重点项目调剂的方式：竞价、统一限价、市场；竞价以公告之时、其余以成交之时为准。",
    ),
    "pricing": Description(
        "one of pay_as_bid, uniform_lowest_accepted, uniform_highest_rejected",
        "What winning bids pay, their own price or one for all; an announcement may set its own.",
        "成交价规则：按各自报价，或统一成交价；公告可另行规定。",
    ),
    "tie": Description(
        "one of earliest, pro_rata",
        "Who comes first among equal prices; an announcement may set its own, by lottery too.",
        "同价报价的先后规则；公告可另行规定，亦可抽签。",
    ),
    "notice_working_days": Description(
        "whole number from 0 to 120",
        "Working days of public notice after the day of the award.",
        "成交之日后的公示工作日数，以成交之时为准。",
    ),
    "payment_working_days": Description(
        "whole number from 1 to 365",
        "Working days after the notice's last in which the buyer has to pay.",
        "公示期满后的付款工作日数，以成交之时为准。",
    ),
    "unused_land_review_area": Description(
        'decimal string in hm², at most 4 places, such as "600.0000"',
        "Above this area in one piece, reclaiming unused land needs an ecology review.",
        "连片开发未利用地超过此面积的，须经生态评估，以验收之日为准。",
    ),
    "purchases_within_need": Description(
        SWITCH,
        "Whether what a buyer wins at auction is kept within its approved need that is still open.",
        "竞得数量是否不得超过已核准而未满足的调剂需求。",
    ),
    "listings_may_decline_key_projects": Description(
        SWITCH,
        "Whether a county may keep a listing out of fixed-price allocation to key projects.",
        "挂牌县是否可以不参加重点项目的定价配置。",
    ),
    "evidence_required": Description(
        SWITCH,
        "Whether each review asserted at a project's acceptance has to be shown by its documents, by the day "
        "of the acceptance.",
        "项目验收时所称评审、认定是否须有相应佐证材料，按验收之日的规定执行。",
    ),
    "filing_duty_working_days": Description(
        "whole number from 1 to 366",
        "Working days within which another department's project is filed after its acceptance there, by the "
        "day of that acceptance.",
        "其他部门项目自其验收之日起须备案的工作日数，以其验收之日为准。",
    ),
    "reverification_before": Description(
        'day, written YYYY-MM-DD, such as "2017-12-11"',
        "Projects filed before this day are credited for quantity only until they are verified anew, by the "
        "day of their acceptance.",
        "此日之前备案的项目先只核定数量，复核后补充水田和产能，以验收之日为准。",
    ),
    "parcel_area_tolerance": Description(
        SHARE,
        "By what share of its polygon's area a parcel's stated area may differ, when it is filed.",
        "图斑申报面积与图形面积允许相差的比例，以备案之时为准。",
    ),
    "parcel_overlap_tolerance": Description(
        'decimal string in hm² with at most 4 places, such as "0.0010"',
        "Overlaps of two parcels of at most this area count as none, by the moment of the project's filing.",
        "图斑重叠面积不超过此值的视为不重叠，以项目备案之时为准。",
    ),
    "suspended_may_not_list": Description(
        SWITCH,
        "Whether a suspended jurisdiction is refused new listings too, besides land applications.",
        "暂停受理期间是否同时不得新挂牌。",
    ),
    "overdue_rectification_suspends": Description(
        SWITCH,
        "Whether a rectification past its last day, neither lifted nor reported on in time, suspends the "
        "jurisdiction by itself, once; judged each day.",
        "限期整改逾期未验收且未按期报告的，是否自动暂停受理（每次整改一次），按当日政策执行。",
    ),
    "rectification_days": Description(
        "whole number from 1 to 3650",
        "Days from the day an obligation opens to the last of its rectification.",
        "补充义务产生之日起至限期整改届满的天数，以产生之时为准。",
    ),
    "reminder_lead_days": Description(
        "list of at most 10 different whole numbers from 1 to 365, such as [7, 3, 1]; [] reminds nobody",
        "How many days before a deadline a reminder of it is sent.",
        "在各类期限届满前多少日发出提醒。",
    ),
    "rule_set": Description(
        'object: "name", "issued_on" as "YYYY-MM-DD", and "valid_years", a whole number from 1 to 100',
        "The notice that the rules follow, and its validity; past it the regulator is warned, and the "
        "market goes on.",
        "交易规则所依据的文件及其有效期；期满提示管理部门，市场照常运行。",
    ),
    "old_method_refused_from": Description(
        'day "YYYY-MM-DD"',
        "The day from which land applications by the old method, supplied by one named project, are refused.",
        "自该日起不再受理项目挂钩方式的用地报批，以申请受理之日为准。",
    ),
    "objection_working_days": Description(
        "whole number from 1 to 120",
        "Working days in which the land regulator is expected to decide an objection; its trade waits as "
        "long as it takes.",
        "异议提出后应当作出决定的工作日数；决定之前公示期中止。",
    ),
    "confirmation_prefix": Description(
        "1 to 10 Chinese characters, such as 川耕调",
        "What the numbers of confirmations begin with, before the year and the number of the trade.",
        "成交确认书文号的代字，其后为年份与成交编号，以确认之时为准。",
    ),
    "commitments_allowed": Description(
        SWITCH,
        "Whether an applicant may promise to supply later what its reserve lacks; those filed before stay.",
        "是否允许申请人以承诺方式补充不足的指标；此前已提交的承诺不受影响。",
    ),
    "commitment_term_months": Description(
        "whole number from 1 to 120",
        "Months from the filing of a commitment to the latest day it may fall due.",
        "承诺提交之日起至最迟兑现之日的月数，以提交之时为准。",
    ),
}

CALENDAR = Description(
    'object: "holidays" and "makeup_workdays", each a list of days "YYYY-MM-DD" of that year',
    "The working days of one year as the State Council published them: holidays on weekdays, and the "
    "weekend days that are worked instead.",
    "国务院公布的当年节假日安排：放假的工作日与调休上班的周末日。",
)
"""Of every policy ``workdays.YYYY``."""


def described(name: str) -> Description:
    """Return what a policy means and how it is written."""
    return CALENDAR if CALENDAR_NAME.fullmatch(name) else DESCRIPTIONS[name]
