"""Money accounts (资金账户): what the treasurer records against a jurisdiction's bank account."""

from app.market.errors import BadQuantity, Insufficient, RuleBroken
from app.market.ledger import Bucket, Entry, money, move
from app.market.units import MAX_STEPS, format_money

MOST_MOVED_FEN = 10**14
"""1 万亿 yuan at a time: more is a slip of the pen, and sums stay far inside 64 bits."""


def _checked(amount_fen: int) -> None:
    if amount_fen <= 0:
        raise BadQuantity("An amount of money is above zero.", field="amount")
    if amount_fen > MOST_MOVED_FEN:
        raise RuleBroken(
            "amount_too_large",
            f"At most {format_money(MOST_MOVED_FEN)} yuan are recorded at a time.",
            field="amount",
            most=format_money(MOST_MOVED_FEN),
        )


def deposit(jurisdiction: str, amount_fen: int, available_fen: int, bank_fen: int) -> tuple[Entry, Entry]:
    """The entries of money that came in; raises BadQuantity, RuleBroken."""
    _checked(amount_fen)
    if available_fen + amount_fen > MAX_STEPS or bank_fen - amount_fen < -MAX_STEPS:
        raise RuleBroken(
            "balance_too_large",
            f"The account of {jurisdiction} can't count so much money; it has "
            f"{format_money(available_fen)} yuan available.",
            field="amount",
        )
    return move(money(jurisdiction, Bucket.BANK), money(jurisdiction, Bucket.AVAILABLE), amount_fen)


def withdrawal(jurisdiction: str, amount_fen: int, available_fen: int) -> tuple[Entry, Entry]:
    """The entries of money that goes out; raises BadQuantity, RuleBroken, Insufficient beyond available."""
    _checked(amount_fen)
    if amount_fen > available_fen:
        shortage = format_money(amount_fen - available_fen)
        raise Insufficient(
            f"{jurisdiction} has {format_money(available_fen)} yuan available; {format_money(amount_fen)} "
            f"yuan are {shortage} yuan too many. Held deposits and escrow can't be withdrawn.",
            field="amount",
            jurisdiction=jurisdiction,
            present=format_money(available_fen),
            wanted=format_money(amount_fen),
            shortage=shortage,
        )
    return move(money(jurisdiction, Bucket.AVAILABLE), money(jurisdiction, Bucket.BANK), amount_fen)
