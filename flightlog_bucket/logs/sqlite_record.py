"""Records of SQLite files: https://www.sqlite.org/fileformat2.html#record_format."""
from collections.abc import Callable

from flightlog_bucket.logs.reader import Damage

_MAX_COLUMNS = 100
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_CONSTANTS = {8: 0, 9: 1}


class Record:
    """
    A row of a table, or an entry of an index.

    :param data: the bytes on its page
    :param first_bytes: gives so many, also those that are on other pages
    :param rowid: of a table's row
    :param encoding: of texts
    """

    __slots__ = ('_data', '_encoding', '_first_bytes', '_types', 'rowid')

    def __init__(self, data: bytes, first_bytes: Callable[[int], bytes], rowid: int,
                 encoding: str) -> None:
        self._data, self._first_bytes, self._encoding = data, first_bytes, encoding
        self.rowid = rowid
        end, offset = varint(data, 0)
        types: list[tuple[int, int]] = []
        begin = end
        while offset < end:
            serial_type, offset = varint(data, offset)
            types.append((serial_type, begin))
            begin += _value_bytes(serial_type)
            if len(types) > _MAX_COLUMNS:
                raise Damage('a record has too many columns')
        self._types = types

    @property
    def columns(self) -> int:
        """How many columns it has."""
        return len(self._types)

    def is_null(self, column: int) -> bool:
        """Tell whether a column has no value."""
        return column >= len(self._types) or self._types[column][0] == 0

    def is_blob(self, column: int) -> bool:
        """Tell whether a column has bytes."""
        serial_type = 0 if self.is_null(column) else self._types[column][0]
        return serial_type >= 12 and serial_type % 2 == 0

    def blob(self, column: int, most: int) -> bytes:
        """
        Return the first bytes of a column.

        :param most: how many
        :raises Damage: if it has none
        """
        if not self.is_blob(column):
            raise Damage('there is something else where bytes belong')
        serial_type, begin = self._types[column]
        return self._bytes(begin, min(_value_bytes(serial_type), most))

    def integer(self, column: int) -> int:
        """
        Return the integer of a column.

        :raises Damage: if it is none
        """
        serial_type, begin = (0, 0) if self.is_null(column) else self._types[column]
        if serial_type in _CONSTANTS:
            return _CONSTANTS[serial_type]
        if serial_type not in _INTEGER_BYTES:
            raise Damage('there is something else where an integer belongs')
        data = self._bytes(begin, _INTEGER_BYTES[serial_type])
        return int.from_bytes(data, 'big', signed=True)

    def text(self, column: int, most: int) -> str:
        """
        Return the text of a column.

        :param most: bytes that it may have
        :raises Damage: if it is none, or has more
        """
        serial_type, begin = (0, 0) if self.is_null(column) else self._types[column]
        if serial_type < 13 or serial_type % 2 == 0:
            raise Damage('there is something else where a text belongs')
        length = _value_bytes(serial_type)
        if length > most:
            raise Damage(f'a text has {length} bytes')
        return self._bytes(begin, length).decode(self._encoding)

    def _bytes(self, begin: int, length: int) -> bytes:
        end = begin + length
        if end > len(self._data):
            self._data = self._first_bytes(end)
        if end > len(self._data):
            raise Damage('a record ends inside a value')
        return self._data[begin:end]


def varint(data: bytes, offset: int) -> tuple[int, int]:
    """
    Return the number at an offset, and where it ends.

    :raises Damage: if the data end before
    """
    value = 0
    for position, byte in enumerate(data[offset:offset + 8], offset + 1):
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position
    if offset + 8 >= len(data):
        raise Damage('a page ends inside a number')
    return value << 8 | data[offset + 8], offset + 9


def _value_bytes(serial_type: int) -> int:
    if serial_type >= 12:
        return (serial_type - 12) // 2
    return 8 if serial_type == 7 else _INTEGER_BYTES.get(serial_type, 0)
