"""The register over HTTP: jurisdictions, designations, and who may change them."""

from tests.conftest import Exchange


async def test_the_sample_province_has_206_units_and_88_poverty_counties(exchange: Exchange) -> None:
    county = await exchange.county("511922")
    seen: list[str] = []
    cursor = None
    while True:
        page = (
            await county.get(
                "/v1/jurisdictions", params={"limit": 100, **({"cursor": cursor} if cursor else {})}
            )
        ).json()
        seen += [item["code"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 206
    poor = (await county.get("/v1/jurisdictions", params={"designation": "poverty", "limit": 200})).json()[
        "items"
    ]
    assert len(poor) == 88
    assert {"511902", "511903", "511921", "511922", "511923"} <= {item["code"] for item in poor}


async def test_a_county_can_not_designate_itself(exchange: Exchange) -> None:
    county = await exchange.county("510722")
    answer = await county.post(
        "/v1/designations", {"jurisdiction": "510722", "kind": "poverty", "valid_from": "2026-01-01"}
    )
    assert answer.status_code == 403
    assert answer.json()["code"] == "not_permitted"


async def test_the_regulator_designates_from_a_day_on(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    body = {"jurisdiction": "510722", "kind": "poverty", "valid_from": "2026-01-01", "valid_until": None}
    answer = await regulator.post("/v1/designations", body, key="k1")
    assert answer.status_code == 201, answer.text
    again = await regulator.post("/v1/designations", body, key="k1")
    assert (again.status_code, again.content) == (201, answer.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = await regulator.post("/v1/designations", {**body, "kind": "deep_poverty"}, key="k1")
    assert other.status_code == 409
    assert other.json()["code"] == "idempotency_key_reused"
    shown = (await regulator.get("/v1/jurisdictions/510722")).json()
    assert shown["designations"] == ["poverty"]


async def test_without_a_token_nothing_is_told(exchange: Exchange) -> None:
    answer = await exchange.public().get("/v1/jurisdictions")
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.headers["www-authenticate"].startswith("Bearer")
