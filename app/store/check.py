"""One claim of ``gengheng verify`` about the books, as two statements."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One claim about the books: its name, what counts the rows it rests on, and what names the faulty."""

    claim: str
    figures: str
    faults: str
