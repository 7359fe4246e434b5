"""The steps of a machine: methods with what is drawn for them, all inside one rule of Hypothesis."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st


@dataclass
class Move:
    """A step the machine may take, what it draws for it, and when there is anything to take it on."""

    method: Callable[..., None]
    given: dict[str, st.SearchStrategy[Any]]
    ready: Callable[[Any], object] = lambda machine: True


MOVES: dict[str, Move] = {}


def move(**given: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a step of a method.

    Steps are drawn inside one Hypothesis rule: of several rules it would switch most off for a whole run,
    and the way from a listing to a settlement is too long for that.
    """

    def enter(method: Callable[..., None]) -> Callable[..., None]:
        MOVES[method.__name__] = Move(method, given)
        return method

    return enter


def when(
    ready: Callable[[Any], object],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Take a step only when there is something to take it on."""

    def enter(method: Callable[..., None]) -> Callable[..., None]:
        MOVES[method.__name__].ready = ready
        return method

    return enter
