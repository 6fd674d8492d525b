"""A short flight: climb to 10 m, once around a circle, the nose along the track."""
from collections.abc import Iterator
from dataclasses import dataclass
import math

_RADIUS_M = 5.0
_HEIGHT_M = 10.0


@dataclass(frozen=True)
class Pose:
    """
    Where the vehicle is, in the frame of REP 103: east, north, up.

    :param time_ns: since the start of the flight
    :param position_m: east, north, up of the place of take-off
    :param yaw_rad: the heading, from east to north; the vehicle is level
    """

    time_ns: int
    position_m: tuple[float, float, float]
    yaw_rad: float


def poses(duration_s: float = 10.0, rate_hz: float = 50.0) -> Iterator[Pose]:
    """Give the poses of the flight, ``rate_hz`` of them a second."""
    count = int(duration_s * rate_hz)
    for index in range(count):
        share = index / count
        angle = 2 * math.pi * share
        yield Pose(
            time_ns=round(index * 1e9 / rate_hz),
            position_m=(_RADIUS_M * (math.cos(angle) - 1), _RADIUS_M * math.sin(angle),
                        _HEIGHT_M * min(1.0, 4 * share)),
            yaw_rad=angle + math.pi / 2)


def yaw_quaternion(yaw_rad: float) -> tuple[float, float, float, float]:
    """Return the turn about the vertical axis as x, y, z, w."""
    return 0.0, 0.0, math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)
