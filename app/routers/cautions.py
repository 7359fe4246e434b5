"""``/v1/warnings``: what the regulators should see to; it stops nothing (RULES, top)."""

from collections.abc import Sequence

from fastapi import APIRouter, Response
from pydantic import Field

from app.auth import GuardedRoute
from app.market.access import Action
from app.market.cautions import Caution, CautionCode
from app.routers.answers import Reading, documented
from app.routers.forms import View
from app.services import cautions

router = APIRouter(prefix="/v1", tags=["agenda"], route_class=GuardedRoute)


class CautionView(View):
    """One warning."""

    code: CautionCode
    subject: str = Field(description="The policy's name, or the indicator")
    detail: str
    detail_zh: str


class CautionsView(View):
    """All warnings of this moment: at most a handful, so in no pages."""

    items: list[CautionView]

    @classmethod
    def of(cls, found: Sequence[Caution]) -> "CautionsView":
        """Shape warnings."""
        return cls(
            items=[
                CautionView(
                    code=each.code, subject=each.subject, detail=each.detail, detail_zh=each.detail_zh
                )
                for each in found
            ]
        )


@router.get(
    "/warnings",
    operation_id=Action.READ_WARNINGS,
    responses=documented(CautionsView),
    summary="What the regulators should see to 提示",
)
async def read_warnings(reading: Reading) -> Response:
    """Warn of a rule set past its validity, a calendar that is missing, an indicator without a price band."""
    return await reading.run(cautions.cautions, CautionsView.of)
