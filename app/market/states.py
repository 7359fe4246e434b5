"""One way to walk a state machine: a mapping of (state, event) to the next state."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from app.market.errors import WrongState

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


def step(transitions: Mapping[tuple[S, E], S], what: str, key: object, state: S, event: E) -> S:
    """Return the state after ``event``, or raise WrongState with the thing, its state and what it allows."""
    after = transitions.get((state, event))
    if after is None:
        possible = [other.value for before, other in transitions if before == state]
        raise WrongState(what, key, state.value, event.value, possible)
    return after
