"""The names things go by outside: letters of its own for each kind, so that an id says what it names."""

import pytest

from app.market.errors import NotFound
from app.market.ids import Kind, public_id, row_number


def test_no_two_kinds_share_a_letter_or_a_name() -> None:
    for column in zip(*(kind.value for kind in Kind), strict=True):
        assert len(set(column)) == len(Kind), sorted(column)


@pytest.mark.parametrize("kind", Kind)
def test_an_id_is_read_back_by_its_own_kind_only(kind: Kind) -> None:
    named = public_id(kind, 42)
    assert row_number(kind, named) == 42
    for other in set(Kind) - {kind}:
        with pytest.raises(NotFound):
            row_number(other, named)
