"""From single runs to numbers that can be compared."""
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Optional

BASELINE = 'boto3'


@dataclass(frozen=True)
class Sample:
    """
    One run of one client.

    :param wall_s: seconds of the transfer, its start-up not included
    :param cpu_s: seconds of all cores for the transfer, its start-up not included
    :param startup_cpu_s: seconds of all cores until it was ready to begin
    :param idle_bytes: resident when it was ready to begin
    :param peak_bytes: the most that was resident
    """

    wall_s: float
    cpu_s: float
    startup_cpu_s: float
    idle_bytes: int
    peak_bytes: int

    @property
    def above_idle_bytes(self) -> int:
        """How much more was resident during the transfer than before it."""
        return max(0, self.peak_bytes - self.idle_bytes)


@dataclass(frozen=True)
class Spread:
    """
    The median of some runs, and the least and most of them.

    :param middle: the median
    :param least: of all
    :param most: of all
    """

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> 'Spread':
        """Take it from one value or more."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Summary:
    """
    All runs of one client in one case.

    :param runs: how many there were
    :param wall_s: seconds of the transfer
    :param cpu_s: seconds of all cores for the transfer
    :param startup_cpu_s: the median of the seconds of all cores before it
    :param peak_bytes: the median
    :param above_idle_bytes: the median
    """

    runs: int
    wall_s: Spread
    cpu_s: Spread
    startup_cpu_s: float
    peak_bytes: float
    above_idle_bytes: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> 'Summary':
        """Take it from one run or more."""
        return cls(
            runs=len(samples),
            wall_s=Spread.of([s.wall_s for s in samples]),
            cpu_s=Spread.of([s.cpu_s for s in samples]),
            startup_cpu_s=median(s.startup_cpu_s for s in samples),
            peak_bytes=median(s.peak_bytes for s in samples),
            above_idle_bytes=median(s.above_idle_bytes for s in samples))


def ratio(value: float, baseline: Optional[float]) -> Optional[float]:
    """Return how many times the baseline a value is; None if there is nothing to divide by."""
    return value / baseline if baseline else None


def percentile(values: Sequence[float], share: float) -> float:
    """
    Return the smallest of the values that ``share`` of all do not exceed (nearest rank).

    :param values: one or more
    :param share: above 0, up to 1
    """
    ordered = sorted(values)
    # Rounded first, as 0.07 x 100 is a little more than 7.
    rank = -int(-round(share * len(ordered), 9) // 1)
    return ordered[max(rank, 1) - 1]
