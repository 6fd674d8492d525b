"""
The tables of an SQLite file, read page by page: https://www.sqlite.org/fileformat2.html.

SQLite itself trusts a file: it loads a schema and texts of any size, and looks through a damaged
b-tree for as long as that goes on. Here every read is bounded.
"""
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
import struct
from typing import Optional

from flightlog_bucket.logs.reader import BUDGET_BYTES, Damage, LogReader, TooMuch, Truncated
from flightlog_bucket.logs.sqlite_record import Record, varint

MAGIC = b'SQLite format 3\0'
HEADER_BYTES = 100

TABLE = 0x05
"""The kind of a table's b-tree; its leaves have 0x0D."""
INDEX = 0x02
"""The kind of an index's b-tree; its leaves have 0x0A."""

_LEAF = 0x08
_MAX_DEPTH = 20
_MAX_CELLS = 200_000
_MAX_COLUMNS = 250_000
"""Of all records that are looked at; a page can name one record thousands of times."""
_ENCODINGS = {0: 'utf-8', 1: 'utf-8', 2: 'utf-16-le', 3: 'utf-16-be'}


@dataclass(frozen=True)
class Header:
    """
    The first 100 bytes.

    :param page_bytes: a power of two from 512 to 65536
    :param usable_bytes: of a page
    :param pages: of the file; None: what last wrote it did not state them
    :param encoding: of texts, as Python names it
    """

    page_bytes: int
    usable_bytes: int
    pages: Optional[int]
    encoding: str


@dataclass(frozen=True)
class Page:
    """
    A page of a b-tree.

    :param data: all of it
    :param begin: where its header is, 100 on the first page
    :param is_leaf: whether it has no children
    :param cells: how many there are
    """

    data: bytes
    begin: int
    is_leaf: bool
    cells: int

    @property
    def pointers(self) -> tuple[int, ...]:
        """Where the cells begin."""
        after_header = self.begin + (8 if self.is_leaf else 12)
        return struct.unpack_from(f'>{self.cells}H', self.data, after_header)

    @property
    def last_child(self) -> int:
        """The number of the page with the largest keys."""
        return int.from_bytes(self.data[self.begin + 8:self.begin + 12], 'big')


class SqliteFile:
    """
    An SQLite file.

    :param log: reads it
    """

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._cells_left = _MAX_CELLS
        self._columns_left = _MAX_COLUMNS
        self._bytes_left = BUDGET_BYTES

    @cached_property
    def header(self) -> Header:
        """
        The first 100 bytes.

        :raises Damage: if they are not as SQLite wants them
        """
        data = self._log.read_at(0, HEADER_BYTES)
        page_bytes = int.from_bytes(data[16:18], 'big')
        page_bytes = 65536 if page_bytes == 1 else page_bytes
        usable = page_bytes - data[20]
        if page_bytes < 512 or page_bytes & page_bytes - 1 or usable < 480:
            raise Damage(f'the header states pages of {page_bytes} bytes')
        if data[19] not in (1, 2) or data[21:24] != b'\x40\x20\x20':
            raise Damage('the header is not one that SQLite can read')
        encoding = _ENCODINGS.get(int.from_bytes(data[56:60], 'big'))
        if encoding is None:
            raise Damage('the header states no encoding of texts')
        # Versions of SQLite before 3.7.0 change a file without stating its pages.
        pages = int.from_bytes(data[28:32], 'big') if data[24:28] == data[92:96] else 0
        return Header(page_bytes, usable, pages or None, encoding)

    @property
    def pages(self) -> int:
        """How many pages the file has, or should have."""
        return self.header.pages or self._log.size // self.header.page_bytes

    def page(self, number: int, kind: int) -> Page:
        """
        Return a page of a b-tree.

        :param number: from 1
        :param kind: ``TABLE`` or ``INDEX``
        :raises Damage: if it is none
        :raises EndOfLog: if it is cut off
        :raises Truncated: if it was not written, and neither was the last one
        """
        data, begin = self._read(number), HEADER_BYTES if number == 1 else 0
        if data[begin] not in (kind, kind | _LEAF):
            # Zeros are what a file system shows of what was not written before a power cut.
            if not any(data) and not any(self._read(self.pages)):
                raise Truncated(f'page {number} has only zeros, as has the last one')
            raise Damage(f'page {number} is not the page of {_NAMES[kind]} that it should be')
        page = Page(data, begin, data[begin] != kind, _u16(data, begin + 3))
        if begin + 12 + 2 * page.cells > self.header.usable_bytes:
            raise Damage(f'page {number} cannot have {page.cells} cells')
        return page

    def children(self, page: Page) -> list[int]:
        """Return the numbers of the pages below one, in the order of their keys."""
        self._charge(page.cells)
        numbers = [_u32(page.data, pointer) for pointer in page.pointers]
        return [*numbers, page.last_child]

    def edge(self, root: int, kind: int, *, last: bool) -> Page:
        """
        Return the leaf with the smallest keys of a b-tree, or with the largest.

        :raises Damage: if there is none
        """
        number = root
        for _ in range(_MAX_DEPTH):
            page = self.page(number, kind)
            if page.is_leaf:
                return page
            number = page.last_child if last or not page.cells else _u32(page.data,
                                                                         page.pointers[0])
        raise Damage(f'the tree at page {root} has no end')

    def leaves(self, root: int, kind: int, most: int) -> Optional[tuple[int, list[int]]]:
        """
        Return the cells above the leaves of a b-tree, and the leaves.

        :param most: None is returned for more leaves, without reading one
        :raises Damage: if the pages are no tree
        """
        numbers, inner_cells, first = [root], 0, self.page(root, kind)
        for _ in range(_MAX_DEPTH):
            if first.is_leaf:
                return inner_cells, numbers
            pages = [self.page(number, kind) for number in numbers]
            inner_cells += sum(page.cells for page in pages)
            if inner_cells > most:
                return None
            numbers = [child for page in pages for child in self.children(page)]
            if len(set(numbers)) < len(numbers):
                break
            first = self.page(numbers[0], kind)
        raise Damage(f'the pages from {root} on are no tree')

    def cell_count(self, number: int, kind: int) -> int:
        """
        Return how many cells a leaf has, by its header alone.

        :raises Damage: if it is no leaf
        """
        offset, header = self._offset(number), self.header
        data = self._log.read_at(offset + (HEADER_BYTES if number == 1 else 0), 8)
        cells = _u16(data, 3)
        if data[0] != kind | _LEAF or 8 + 2 * cells > header.page_bytes:
            raise Damage(f'page {number} is not the leaf of {_NAMES[kind]} that it should be')
        return cells

    def records(self, page: Page, kind: int) -> Iterator[Record]:
        """
        Give the records of a leaf.

        :raises Damage: if one is damaged
        :raises TooMuch: if the budget of cells, columns or bytes is used up
        """
        self._charge(page.cells)
        for pointer in page.pointers:
            yield self.record(page, pointer, kind)

    def record(self, page: Page, pointer: int, kind: int) -> Record:
        """
        Return a record of a leaf.

        :param pointer: where its cell begins
        :raises Damage: if it is damaged
        :raises TooMuch: if the budget of columns or bytes is used up
        """
        size, offset = varint(page.data, pointer)
        rowid = 0
        if kind == TABLE:
            rowid, offset = varint(page.data, offset)
        if size > self._log.size:
            raise Damage(f'a record of {size} bytes is more than the file')
        local = self._local_bytes(size, kind)
        self._bytes_left -= local
        if self._bytes_left < 0:
            raise TooMuch(f'more than {BUDGET_BYTES} bytes of records would be needed')
        data = page.data[offset:offset + local]
        if offset + local > self.header.usable_bytes:
            raise Damage('a record does not end on its page')
        overflow = _u32(page.data, offset + local) if local < size else 0

        def first_bytes(length: int) -> bytes:
            return self._first_bytes(data, overflow, length)

        record = Record(data, first_bytes, rowid, self.header.encoding)
        self._columns_left -= record.columns
        if self._columns_left < 0:
            raise TooMuch(f'more than {_MAX_COLUMNS} columns of records would be needed')
        return record

    def _first_bytes(self, data: bytes, number: int, length: int) -> bytes:
        """Return the first bytes of a record: ``data``, and those on the pages from ``number``."""
        blocks, have = [data], len(data)
        while have < length:
            page = self._read(number)
            number = _u32(page, 0)
            blocks.append(page[4:self.header.usable_bytes])
            have += len(blocks[-1])
        return b''.join(blocks)[:length]

    def _local_bytes(self, size: int, kind: int) -> int:
        """Return how many bytes of a record are on its page, not on overflow pages."""
        usable = self.header.usable_bytes
        most = usable - 35 if kind == TABLE else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return size
        least = (usable - 12) * 32 // 255 - 23
        fitting = least + (size - least) % (usable - 4)
        return fitting if fitting <= most else least

    def _read(self, number: int) -> bytes:
        return self._log.read_at(self._offset(number), self.header.page_bytes)

    def _offset(self, number: int) -> int:
        if not 1 <= number <= self.pages:
            raise Damage(f'there is no page {number}')
        return (number - 1) * self.header.page_bytes

    def _charge(self, cells: int) -> None:
        self._cells_left -= cells
        if self._cells_left < 0:
            raise TooMuch(f'more than {_MAX_CELLS} cells of SQLite pages would be needed')


_NAMES = {TABLE: 'a table', INDEX: 'an index'}


def _u16(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset:offset + 2], 'big')


def _u32(data: bytes, offset: int) -> int:
    number = data[offset:offset + 4]
    if len(number) < 4:
        raise Damage('a page ends inside the number of another one')
    return int.from_bytes(number, 'big')
