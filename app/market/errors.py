"""Everything the exchange refuses, as facts.

    Refusal                      a request that changes nothing; carries code, field, facts
    ├── Malformed                the value itself is wrong (422)
    │   └── BadQuantity          no plain decimal of the unit
    ├── NotPermitted             the actor may not do this, or not to this jurisdiction (403)
    ├── NotFound                 no such thing, or not yours to see (404)
    ├── Conflict                 the request is sound but the world is not in the state for it (409)
    │   ├── WrongState           the aggregate's state does not allow the event
    │   ├── Insufficient         a balance would fall below zero
    │   └── KeyReused            an idempotency key came with another body
    └── RuleBroken               a rule of the exchange forbids it (422)
    BrokenInvariant              a defect of the exchange itself: never a user's fault (500)

HTTP statuses are app/problems.py's business alone. Each refusal carries a stable ``code`` that
programs may rely on, the ``field`` that is to blame where there is one (dotted path in the body, or
the name of a query parameter or header), and ``facts``: the figures a person needs to put it right.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class Refusal(Exception):
    """A request that was understood and refused; nothing has changed."""

    title: ClassVar[str] = "The request was refused"
    title_zh: ClassVar[str] = "请求被拒绝"

    def __init__(self, code: str, detail: str, *, field: str | None = None, **facts: object) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.facts: Mapping[str, object] = facts


class Malformed(Refusal):
    """The value itself is wrong, whatever the state of the market."""

    title = "A value is not of the required form"
    title_zh = "数值或格式不符合要求"


class BadQuantity(Malformed):
    """Not a plain decimal string of the unit (RULES 1)."""

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__("bad_quantity", detail, field=field)


class NotPermitted(Refusal):
    """The actor's roles do not allow the action, or not on this jurisdiction's things."""

    title = "You may not do this"
    title_zh = "无权进行此操作"

    def __init__(self, detail: str, *, code: str = "not_permitted", **facts: object) -> None:
        super().__init__(code, detail, field=None, **facts)


class NotFound(Refusal):
    """No such thing, or not one the actor may see."""

    title = "There is no such thing"
    title_zh = "找不到所请求的内容"

    def __init__(self, what: str, key: object, *, field: str | None = None) -> None:
        super().__init__("not_found", f"No {what} {key!s} is known here.", field=field, what=what)


class Conflict(Refusal):
    """The request is sound, but the world is not in a state for it."""

    title = "The present state does not allow this"
    title_zh = "当前状态不允许此操作"


class WrongState(Conflict):
    """The aggregate's state machine has no such transition; ``possible`` are the events it has instead."""

    def __init__(self, what: str, key: object, state: str, event: str, possible: Sequence[str] = ()) -> None:
        instead = f"; in that state only {', '.join(possible)}" if possible else ": that state is the last"
        super().__init__(
            "wrong_state",
            f"{what.capitalize()} {key!s} is {state}; {event!r} is not possible{instead}.",
            state=state,
            event=event,
            possible=list(possible),
        )


class Insufficient(Conflict):
    """A balance would fall below zero (有余额才能交易)."""

    title = "Not enough is available"
    title_zh = "可用余额不足"

    def __init__(self, detail: str, *, field: str | None = None, **facts: object) -> None:
        super().__init__("insufficient", detail, field=field, **facts)


class KeyReused(Conflict):
    """One idempotency key, two different requests."""

    title = "This idempotency key belongs to another request"
    title_zh = "幂等键已用于另一请求"

    def __init__(self) -> None:
        super().__init__(
            "idempotency_key_reused",
            "This Idempotency-Key was used before with another request; make a new key for a new request.",
            field="Idempotency-Key",
        )


class RuleBroken(Refusal):
    """A rule of the exchange forbids it."""

    title = "A rule of the exchange forbids this"
    title_zh = "违反交易规则"


class BrokenInvariant(Exception):
    """The exchange contradicts itself: the transaction is rolled back and somebody is called."""


def ensure(holds: bool, claim: str) -> None:
    """Stop with BrokenInvariant unless ``holds`` (an explicit raise: asserts can be switched off)."""
    if not holds:
        raise BrokenInvariant(claim)
