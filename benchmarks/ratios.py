"""One measured ratio, and how ratios are printed and kept."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Bound(Enum):
    """On which side of its target a ratio should lie."""

    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure over its bare baseline's, both of this run; ``measured`` says what went into it."""

    name: str
    ratio: float
    bound: Bound
    target: float
    measured: str

    @property
    def holds(self) -> bool:
        """Whether the target is reached."""
        return self.ratio <= self.target if self.bound is Bound.AT_MOST else self.ratio >= self.target


def say(line: str) -> None:
    """Tell what is being measured, so that a quiet terminal means a stuck one."""
    print(f"… {line}", file=sys.stderr, flush=True)


def table(ratios: Sequence[Ratio]) -> str:
    """The ratios as text, one line each, misses named."""
    widest = max(len(ratio.name) for ratio in ratios)
    lines = []
    for each in ratios:
        verdict = "holds" if each.holds else "MISSED"
        target = f"{each.bound.value} {each.target:g}"
        lines.append(
            f"{each.name:<{widest}}  {each.ratio:>8.3g}  {target:>8}  {verdict:<6}  {each.measured}".rstrip()
        )
    held = sum(each.holds for each in ratios)
    return "\n".join([*lines, f"{held} of {len(ratios)} targets reached"])


def keep(ratios: Sequence[Ratio], file: Path) -> None:
    """Write the ratios as JSON: a list of {name, ratio, target, holds}."""
    rows = [
        {"name": each.name, "ratio": round(each.ratio, 4), "target": each.target, "holds": each.holds}
        for each in ratios
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows, ensure_ascii=False, indent=2) + "\n", "utf-8")
