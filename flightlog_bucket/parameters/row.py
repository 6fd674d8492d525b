"""One parameter, and which values it takes."""
from dataclasses import dataclass
import math
from typing import Any, Union

from flightlog_bucket.errors import ConfigurationError

Value = Union[str, int, float, bool, list[str]]
_KINDS = {str: 'a string', int: 'an integer', float: 'a number', bool: 'true or false',
          list: 'a list of strings'}


@dataclass(frozen=True)
class Row:
    """
    One parameter.

    :param default: its type is the type of the parameter
    :param description: what it is, with the unit
    :param low: the smallest number it takes
    :param high: the largest number it takes
    :param choices: all that it takes; empty: anything of the type
    :param required: must be given; the default stands for "not given"
    :param setting: its name in ``BucketSettings``, where that has another one
    :param is_live: can be changed while the node runs
    """

    name: str
    default: Value
    description: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    required: bool = False
    setting: str = ''
    is_live: bool = False

    @property
    def takes(self) -> str:
        """Return what values are right, in words."""
        kind = _KINDS[type(self.default)]
        if self.choices:
            return f'{kind}, one of ' + ', '.join(repr(c) for c in self.choices)
        return kind if math.isinf(self.low) else f'{kind} from {self.low:.15g} to {self.high:.15g}'

    def missing(self) -> Value:
        """
        Return the value where none is given.

        :raises ConfigurationError: if one must be given
        """
        if self.required:
            raise ConfigurationError(f'parameter {self.name} is not set; give {self.takes}:'
                                     f' {self.description}')
        return self.default

    def checked(self, given: object) -> Value:
        """
        Return a value that was given, in the type of the parameter.

        :param given: as a file of parameters, or ROS, has it
        :raises ConfigurationError: naming the parameter and what it takes
        """
        value: Any = self.converted(given)
        if type(value) is not type(self.default) or not self._is_within(value):
            raise ConfigurationError(f'parameter {self.name} is {value!r}; give {self.takes}')
        if self.required and not value:
            raise ConfigurationError(f'parameter {self.name} is empty; give {self.takes}:'
                                     f' {self.description}')
        return value

    def converted(self, given: object) -> object:
        """Return what is meant by a value, where a parameter of this type can have it."""
        if isinstance(self.default, float) and type(given) is int:
            return float(given)  # "30" in a file is an integer, and meant as well as 30.0
        if isinstance(self.default, list):
            if not given and not self.choices:
                return ['']  # ROS has no empty list of strings, and gives it as nothing
            return list(given) if isinstance(given, (list, tuple)) else given
        return given

    def _is_within(self, value: Any) -> bool:
        if isinstance(value, list):
            return all(isinstance(v, str) and (not self.choices or v in self.choices)
                       for v in value) and (bool(value) or not self.choices)
        if not isinstance(value, str) and not self.low <= value <= self.high:
            return False
        return not self.choices or value in self.choices
