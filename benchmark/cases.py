"""What is measured: transfers of some sizes, both ways, over two schemes, with two servers."""
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

MIB = 1024 * 1024
GIB = 1024 * MIB
UNITS = {'MiB': MIB, 'GiB': GIB}

SERVERS = ('sink', 'rclone')
SCHEMES = ('http', 'https')
DIRECTIONS = ('upload', 'download')

_SERVER_NAMES = {'sink': 'the sink', 'rclone': 'rclone serve s3'}


@dataclass(frozen=True)
class Case:
    """
    One transfer, which every client does in every round.

    :param server: of ``SERVERS``
    :param scheme: of ``SCHEMES``
    :param direction: of ``DIRECTIONS``
    :param size_bytes: of the file
    """

    server: str
    scheme: str
    direction: str
    size_bytes: int

    @property
    def title(self) -> str:
        """The case in words."""
        way = 'to' if self.direction == 'upload' else 'from'
        return (f'{self.direction.capitalize()} of {size_text(self.size_bytes)} over'
                f' {self.scheme.upper()} {way} {_SERVER_NAMES[self.server]}')


def all_cases(servers: Iterable[str], schemes: Iterable[str], directions: Iterable[str],
              sizes_bytes: Iterable[int]) -> list[Case]:
    """Return every case; those of one server and scheme follow each other."""
    return [Case(*fields) for fields in product(servers, schemes, directions, sizes_bytes)]


def parse_size(text: str) -> int:
    """
    Return bytes; ``text`` e.g. ``256MiB`` or ``1GiB``.

    :raises ValueError: if it is not a whole number above 0 with one of these units
    """
    for unit, factor in UNITS.items():
        number = text.removesuffix(unit)
        if number != text and number.isdecimal() and int(number) > 0:
            return int(number) * factor
    raise ValueError(f'{text!r} is no size; give e.g. 256MiB or 1GiB')


def size_text(size_bytes: int) -> str:
    """Return a size as ``parse_size()`` reads it."""
    unit, factor = ('GiB', GIB) if size_bytes % GIB == 0 else ('MiB', MIB)
    return f'{size_bytes // factor} {unit}'
