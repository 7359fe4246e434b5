"""How an assessment's figures and findings are called on paper, in Chinese and English."""

from collections.abc import Mapping
from typing import Any

from app.market.assessments import Finding, Result
from app.market.indicators import NAME_ZH, Indicator
from app.market.jurisdictions import Level

FIGURES: Mapping[str, tuple[str, str]] = {
    "opening": ("年初结存", "Opening"),
    "supplemented": ("补充", "Supplemented"),
    "voided": ("核减", "Voided"),
    "bought": ("省内调入", "Bought"),
    "sold": ("省内调出", "Sold"),
    "bought_outside": ("省外调入", "From outside"),
    "sold_outside": ("省外调出", "To outside"),
    "written_off": ("用地核销", "Written off"),
    "given_back": ("解挂", "Given back"),
    "written_off_at_due": ("承诺核销", "At due dates"),
    "discharged": ("义务核销", "Discharged"),
    "closing": ("年末结存", "Closing"),
    "occupied": ("占用", "Occupied"),
    "uncovered": ("未落实", "Uncovered"),
    "promised": ("承诺在行", "Promised"),
    "deficit": ("承诺缺口", "Deficit"),
    "owed": ("补充义务", "Owed"),
}
"""The figures in the order in which an account is read: stock, movements, stock, and what stands open."""

INDICATORS: Mapping[Indicator, str] = {
    Indicator.FARMLAND_QUANTITY: "Farmland quantity",
    Indicator.PADDY_AREA: "Paddy area",
    Indicator.GRAIN_CAPACITY: "Grain capacity",
    Indicator.LINKAGE_QUOTA: "Linkage quota",
}
UNITS: Mapping[str, str] = {"hm²": "公顷 hm²", "kg": "公斤 kg"}

LEVELS: Mapping[str, tuple[str, str]] = {
    Level.PROVINCE: ("省", "Province"),
    Level.CITY: ("市（州）", "City"),
    Level.COUNTY: ("县（市、区）", "County"),
    Level.FUNCTIONAL_ZONE: ("功能区", "Zone"),
}

RESULTS: Mapping[str, str] = {Result.PASS: "合格 PASS", Result.FAIL: "不合格 FAIL"}

FINDINGS: Mapping[str, tuple[str, str]] = {
    Finding.OCCUPIED_NOT_COVERED: ("占用未落实补充", "occupied and not covered"),
    Finding.DEFICIT_OPEN: ("承诺到期缺口未补足", "deficit of a commitment open"),
    Finding.OBLIGATION_OPEN: ("补充义务未履行", "obligation to replace open"),
    Finding.DRAWN_FROM_STOCK: ("当年占用超出补充，以库存或调入指标平衡", "drawn from stock"),
    Finding.PROMISED: ("占用以承诺补充平衡", "rests on running commitments"),
    Finding.COMMITMENT_DEFAULTED: ("当年有承诺到期未兑现", "commitment defaulted"),
    Finding.SUSPENDED: ("暂停受理", "suspended"),
    Finding.RECTIFYING: ("限期整改", "rectifying"),
    Finding.CIRCULATED: ("通报批评", "circulated"),
}


def figures_of(assessed: Mapping[str, Any], indicator: Indicator) -> Mapping[str, Any]:
    """A unit's figures of one indicator."""
    found: Mapping[str, Any] = next(each for each in assessed["indicators"] if each["indicator"] == indicator)
    return found


def balance_of(assessed: Mapping[str, Any], indicator: Indicator) -> str:
    """Whether one indicator balances: nothing that fails a year is said of it."""
    fails = any(reason["indicator"] == indicator for reason in assessed["reasons"])
    return "不平衡" if fails else "平衡"


def told_zh(remark: Mapping[str, Any]) -> str:
    """A remark of a record, in Chinese: what, of which indicator, how much."""
    what = FINDINGS[remark["code"]][0]
    if remark["indicator"] is None:
        return f"{what}（{remark['figure']}）"
    unit = "公顷" if remark["unit"] == "hm²" else "公斤"
    return f"{NAME_ZH[Indicator(remark['indicator'])]}{what} {remark['figure']} {unit}"


def told(remark: Mapping[str, Any]) -> str:
    """A remark of a record, in English."""
    what = FINDINGS[remark["code"]][1]
    if remark["indicator"] is None:
        return f"{what} ({remark['figure']})"
    return f"{INDICATORS[Indicator(remark['indicator'])]}: {what}, {remark['figure']} {remark['unit']}"
