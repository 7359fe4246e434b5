"""Commitments as their users make them, over HTTP, and the worker that lets them fall due."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from app.market.indicators import Indicator
from app.market.units import parse_quantity
from app.sealing.keys import Keys
from app.services.days import day_of, end_of
from app.worker import do_due
from tests.conftest import Exchange
from tests.story import REVIEWED, papers_for, project_body, until

Answer = dict[str, Any]


async def filed_project(exchange: Exchange, county: str, indicator: Indicator, quantity: str) -> str:
    """File a project that will earn so much of one indicator; its id."""
    officer = await exchange.county(county)
    filed = await officer.post(
        "/v1/projects",
        project_body(county, **papers_for(county, indicator, parse_quantity(quantity, indicator))),
    )
    assert filed.status_code == 201, filed.text
    return str(filed.json()["id"])


async def accept(exchange: Exchange, project: str) -> Answer:
    """Have a filed project accepted, as of 2019."""
    regulator = await exchange.regulator()
    accepted = await regulator.post(
        f"/v1/projects/{project}/acceptance",
        {"accepted_on": "2019-11-05", "accepting_body": "省自然资源厅", **REVIEWED},
    )
    assert accepted.status_code == 201, accepted.text
    return dict(accepted.json())


def terms(project: str, promised: Mapping[Indicator, str], due_on: date) -> Answer:
    """The body of a revision."""
    return {
        "project_id": project,
        "quantities": {indicator.value: quantity for indicator, quantity in promised.items()},
        "due_on": due_on.isoformat(),
    }


async def drafted(
    exchange: Exchange,
    applicant: str,
    application: str,
    project: str,
    promised: Mapping[Indicator, str],
    *,
    days: int = 100,
) -> Answer:
    """Draft a commitment that falls due so many days from now."""
    officer = await exchange.county(applicant)
    due_on = day_of(await exchange.now()) + timedelta(days=days)
    answer = await officer.post(
        "/v1/commitments", {"application_id": application, **terms(project, promised, due_on)}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def filed(
    exchange: Exchange,
    applicant: str,
    application: str,
    project: str,
    promised: Mapping[Indicator, str],
    *,
    days: int = 100,
) -> str:
    """Draft and file a commitment; its id."""
    draft = await drafted(exchange, applicant, application, project, promised, days=days)
    officer = await exchange.county(applicant)
    answer = await officer.post(f"/v1/commitments/{draft['id']}/filing")
    assert answer.status_code == 201, answer.text
    return str(draft["id"])


async def active(
    exchange: Exchange,
    applicant: str,
    application: str,
    project: str,
    promised: Mapping[Indicator, str],
    *,
    days: int = 100,
) -> str:
    """Draft, file and have accepted a commitment; its id."""
    commitment = await filed(exchange, applicant, application, project, promised, days=days)
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/commitments/{commitment}/activation")
    assert answer.status_code == 201, answer.text
    return commitment


async def shown(exchange: Exchange, commitment: str) -> Answer:
    """A commitment as the regulator sees it."""
    answer = await (await exchange.regulator()).get(f"/v1/commitments/{commitment}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def after_due_day(exchange: Exchange, commitment: str, *, early_seconds: float = 0) -> None:
    """Move the clock to the end of the due day in China, or so many seconds before it."""
    due_on = date.fromisoformat((await shown(exchange, commitment))["due_on"])
    await until(exchange, (end_of(due_on) - timedelta(seconds=early_seconds)).isoformat())


async def fallen_due(exchange: Exchange, keys: Keys, commitment: str) -> Answer:
    """Let a commitment's day pass and the worker do what is due; the commitment after it."""
    await after_due_day(exchange, commitment)
    await do_due(exchange.database, keys)
    return await shown(exchange, commitment)
