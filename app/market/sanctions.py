"""Sanctions on a jurisdiction (RULES 12)."""

from enum import StrEnum


class SanctionKind(StrEnum):
    """What the regulator can decide."""

    RECTIFY = "rectify"  # 限期整改
    CIRCULATE = "circulate"  # 通报批评
    SUSPEND = "suspend"  # 暂停受理
