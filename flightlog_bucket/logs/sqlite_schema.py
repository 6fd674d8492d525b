"""The schema of an SQLite file: https://www.sqlite.org/schematab.html."""
from collections.abc import Iterator
from dataclasses import dataclass
import re

from flightlog_bucket.logs.reader import Damage, TooMuch
from flightlog_bucket.logs.sqlite_file import SqliteFile, TABLE

_ROOT = 1
_MAX_PAGES = 500
_MAX_ENTRIES = 2000
"""rosbag2 makes six; the others are of whoever worked with the recording."""
_MAX_BYTES = 1024 * 1024
_MAX_STATEMENT = 64 * 1024
"""Characters; those of rosbag2 have about 300."""

_TYPE, _NAME, _TABLE_NAME, _ROOT_PAGE, _SQL = range(5)

# What is not closed goes on to the end, so that no character is looked at twice.
_TOKEN = re.compile(
    r'--[^\n]*|/\*.*?(?:\*/|\Z)|\s+|"[^"]*"?|`[^`]*`?|\[[^]]*]?|\'[^\']*\'?|\w+|.', re.S)
_CREATE_TABLE = re.compile(r'CREATE TABLE\s', re.IGNORECASE)
_CONSTRAINTS = ('CONSTRAINT', 'PRIMARY', 'UNIQUE', 'CHECK', 'FOREIGN')
_COMPUTED = ('AS', 'GENERATED')
_QUOTES = '"`[]\''


@dataclass(frozen=True)
class Entry:
    """
    What the schema says of a table, an index, a view or a trigger.

    :param type: the word that it states
    :param name: of it
    :param table: that it belongs to
    :param root: number of the first page of its b-tree; 0: it has none
    :param sql: the statement that made it
    """

    type: str
    name: str
    table: str
    root: int
    sql: str

    @property
    def is_table(self) -> bool:
        """Whether it is a table that holds its rows; the word that is stated is only a label."""
        return (self.type == 'table' and self.root > 0
                and _CREATE_TABLE.match(self.sql) is not None)

    def columns(self) -> dict[str, int]:
        """
        Return the places of a table's columns in a row, by name in lower case.

        Those that are computed are left out: no recorder fills one.

        :raises Damage: if rows are kept without a number
        :raises TooMuch: if the statement is longer than anybody's
        """
        if len(self.sql) > _MAX_STATEMENT:
            raise TooMuch(f'the table {self.name} is made with {len(self.sql)} characters')
        items, after = _items(self.sql)
        if 'WITHOUT' in after:
            raise Damage(f'the table {self.name} has no row numbers')
        places: dict[str, int] = {}
        place = 0
        for words in items:
            if not words or words[0] in _CONSTRAINTS:
                continue
            is_computed = any(word in _COMPUTED for word in words[1:])
            if not is_computed:
                places[words[0].strip(_QUOTES).lower()] = place
            # https://www.sqlite.org/gencol.html: the others are not in the file.
            place += not is_computed or 'STORED' in words
        return places


def entries_of(file: SqliteFile) -> list[Entry]:
    """
    Return the schema.

    :raises Damage: if it is damaged
    :raises TooMuch: if it is larger than anybody's
    """
    return list(_entries(file))


def _entries(file: SqliteFile) -> Iterator[Entry]:
    found = file.leaves(_ROOT, TABLE, _MAX_PAGES)
    if found is None or len(found[1]) > _MAX_PAGES:
        raise TooMuch(f'the schema takes more than {_MAX_PAGES} pages')
    entries, bytes_left = 0, _MAX_BYTES
    for number in found[1]:
        page = file.page(number, TABLE)
        entries += page.cells
        if entries > _MAX_ENTRIES:
            raise TooMuch(f'the schema has more than {_MAX_ENTRIES} entries')
        for row in file.records(page, TABLE):
            kind, name, table = (row.text(column, _MAX_BYTES)
                                 for column in (_TYPE, _NAME, _TABLE_NAME))
            root = 0 if row.is_null(_ROOT_PAGE) else row.integer(_ROOT_PAGE)
            # An index that SQLite made on its own has no statement.
            sql = '' if row.is_null(_SQL) else row.text(_SQL, _MAX_BYTES)
            bytes_left -= sum(len(text) for text in (kind, name, table, sql))
            if bytes_left < 0:
                raise TooMuch(f'the schema has more than {_MAX_BYTES} bytes')
            yield Entry(kind, name, table, root, sql)


def _items(sql: str) -> tuple[list[list[str]], list[str]]:
    """Return the words of each column or constraint, in upper case, and those after them."""
    items: list[list[str]] = [[]]
    after: list[str] = []
    depth = 0
    for match in _TOKEN.finditer(sql):
        word = match[0]
        if word[0].isspace() or word.startswith(('--', '/*')):
            continue
        depth += (word == '(') - (word == ')')
        if word == ',' and depth == 1:
            items.append([])
        elif depth == 0:
            after.append(word.upper())
        elif depth == 1 and word not in '()':
            items[-1].append(word.upper())
    return items, after
