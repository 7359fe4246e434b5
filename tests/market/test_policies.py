"""Every policy has a default, is described in both languages, and refuses what it can't use."""

import json
import re
from typing import Any

import pytest

from app.market.errors import Refusal
from app.market.policies import DEFAULTS, FORMS, checked, policy_set
from app.market.policy_descriptions import CALENDAR, DESCRIPTIONS, described

NONSENSE: list[Any] = [{"nonsense": 1}, [[]], 1.5, -1, "nonsense", "", "1e3", "0.1234567"]
"""No policy takes any of these."""


def test_every_policy_has_a_default_and_a_description_and_nothing_else_has() -> None:
    assert FORMS.keys() == DEFAULTS.keys() == DESCRIPTIONS.keys()


@pytest.mark.parametrize("name", [*FORMS, "workdays.2026"])
def test_a_policy_is_described_in_english_and_in_chinese(name: str) -> None:
    description = described(name)
    assert re.search("[一-鿿]{4}", description.zh), "no Chinese"
    assert re.match("[A-Z]", description.en) and not re.search("[一-鿿]{4}", description.en)
    assert description.en.endswith(".") and description.zh.endswith("。")
    assert description.form and description.form[-1] != "."


def test_each_description_is_of_its_own_policy() -> None:
    texts = [text for each in [*DESCRIPTIONS.values(), CALENDAR] for text in (each.en, each.zh)]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", FORMS)
def test_a_policy_takes_its_default_and_refuses_nonsense_by_field_and_reason(name: str) -> None:
    checked(name, DEFAULTS[name])
    for nonsense in NONSENSE:
        with pytest.raises(Refusal) as refused:
            checked(name, nonsense)
        assert (refused.value.field or "").split(".")[0] == "value", nonsense
        assert len(refused.value.detail) > 10, nonsense


@pytest.mark.parametrize("name", FORMS)
def test_a_described_range_is_the_range_that_is_taken(name: str) -> None:
    described_range = re.match("whole number from ([0-9]+) to ([0-9]+)", described(name).form)
    if described_range is None:
        assert not isinstance(DEFAULTS[name], int) or isinstance(DEFAULTS[name], bool), "a range is missing"
        return
    lowest, highest = map(int, described_range.groups())
    for taken in (lowest, highest):
        checked(name, taken)
    for refused in (lowest - 1, highest + 1):
        with pytest.raises(Refusal):
            checked(name, refused)


@pytest.mark.parametrize("name", FORMS)
def test_a_described_choice_is_taken_and_a_described_switch_is_one(name: str) -> None:
    form = described(name).form
    if form.startswith("one of "):
        for choice in form.removeprefix("one of ").split(", "):
            checked(name, choice)
    assert (form == "true or false") == isinstance(DEFAULTS[name], bool)


def test_the_defaults_are_json_and_make_a_set() -> None:
    values = json.loads(json.dumps(DEFAULTS))
    assert policy_set(values) == policy_set({})
