"""When the state of the node is worth a warning, or an error."""
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from flightlog_bucket.errors import ConfigurationError


class Level(IntEnum):
    """How bad it is, as ``diagnostic_msgs/msg/DiagnosticStatus`` has it."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Limits:
    """
    From where on a number is worth a warning, and from where on an error; 0: never.

    :param name: of the parameters, without ``_warn`` and ``_error``
    :param warn: the number from which on it is a warning
    :param error: the number from which on it is an error
    :param is_floor: the number is bad where it is below these, not where it has reached them
    :raises ConfigurationError: if the warning would come after the error
    """

    name: str
    warn: float
    error: float
    is_floor: bool = False

    def __post_init__(self) -> None:
        if not self.warn or not self.error or self.warn == self.error:
            return
        if (self.warn > self.error) != self.is_floor:
            side = 'below' if self.is_floor else 'above'
            raise ConfigurationError(
                f'{self.name}_warn is {self.warn:.15g}, {side} {self.name}_error, which is'
                f' {self.error:.15g}; the warning must come first (0: never)')

    def level(self, number: float) -> Level:
        """Return how bad a number is."""
        if self._is_bad(number, self.error):
            return Level.ERROR
        return Level.WARN if self._is_bad(number, self.warn) else Level.OK

    def _is_bad(self, number: float, limit: float) -> bool:
        return bool(limit) and (number < limit if self.is_floor else number >= limit)


@dataclass(frozen=True)
class DiagnosticsSettings:
    """
    The limits of all that ``/diagnostics`` tells.

    :param queue: logs that are not stored yet
    :param queue_bytes: of all of them
    :param queue_age_s: for how long the oldest has waited
    :param free_bytes: of a disk
    :param fault_s: for how long session tokens, or S3, have failed
    :param last_error_s: for so long after an error it is a warning; 0: never
    :param stale_s: what was measured longer ago is stale
    """

    queue: Limits
    queue_bytes: Limits
    queue_age_s: Limits
    free_bytes: Limits
    fault_s: Limits
    last_error_s: float
    stale_s: float

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> 'DiagnosticsSettings':
        """
        Return the settings.

        :param values: of the parameters, by name
        :raises ConfigurationError: if a warning would come after its error
        """
        def limits(name: str, *, is_floor: bool = False) -> Limits:
            name = f'diagnostics_{name}'
            return Limits(name, values[f'{name}_warn'], values[f'{name}_error'], is_floor)
        return cls(queue=limits('queue'), queue_bytes=limits('queue_bytes'),
                   queue_age_s=limits('queue_age_s'),
                   free_bytes=limits('free_bytes', is_floor=True), fault_s=limits('fault_s'),
                   last_error_s=values['diagnostics_last_error_s'],
                   stale_s=values['diagnostics_stale_s'])
