"""What every way to the bucket refuses, with its status and its words."""
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.damaged import write_corrupt
from support.logs import write_dated_log

from contract.driver import LOG

ENDINGS = '.ulg, .ulge, .bag, .mcap, .db3, .mcap.zstd or .db3.zstd'
NO_LOG = f'Invalid file extension: {LOG} does not end in {ENDINGS}'
NOT_WHOLE = (f'File validation failed: {LOG} is corrupt: %s; it stays where it is. To keep such'
             ' logs in the bucket, set upload_corrupt')


@dataclass(frozen=True)
class RefusedLog:
    """
    A log that nobody may upload.

    :param name: of the file
    :param write: makes it
    :param status: HTTP status
    :param error: the whole of it
    """

    name: str
    write: Callable[[Path], object]
    status: int
    error: str


def _content(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _ulog(path: Path) -> None:
    path.write_bytes(write_dated_log(path.with_name(f'{path.name}.ulg')).read_bytes())


REFUSED_LOGS = (
    RefusedLog('notes.txt', _content(b'no log'), 400, NO_LOG),
    RefusedLog('ulg', _content(b'no log'), 400, NO_LOG),
    RefusedLog('flight.ulg.txt', _ulog, 400, NO_LOG),
    RefusedLog('empty.ulg', _content(b''), 400, f'File validation failed: {LOG} is empty'),
    RefusedLog('empty.bag', _content(b''), 400, f'File validation failed: {LOG} is empty'),
    RefusedLog('short.ulg', _content(b'ULo'), 400, f'File validation failed: {LOG}: the content'
               ' is not a ULog, it begins with 55 4c 6f'),
    RefusedLog('other.bag', _content(b'#ROSBOX V2.0'), 400, f'File validation failed: {LOG}: the'
               ' content is not a ROS 1 bag, it begins with 23 52 4f 53 42 4f 58 20'),
    RefusedLog('mismatch.bag', _ulog, 400, f'File validation failed: {LOG}: the name says ROS 1'
               ' bag, the content is a ULog; rename it, or give a custom_filename that ends in'
               ' .ulg'),
    RefusedLog('corrupt.ulg', write_corrupt, 422, NOT_WHOLE %
               'there are zero bytes in the place of a message (at byte 3037)'),
    RefusedLog('corrupt.bag', write_corrupt, 422, NOT_WHOLE % '1000 bytes follow the index'),
    RefusedLog('corrupt.mcap', write_corrupt, 422, NOT_WHOLE %
               'the chunk at byte 43 does not end with a record'),
    RefusedLog('corrupt.db3', write_corrupt, 422, NOT_WHOLE %
               '1000 bytes follow the 10 pages that the header states'),
)

_SLASH = f'the file name {LOG} has a slash in it; give a name, not a path'
_ODD = f'the file name {LOG} has characters that cannot be shown: '
REFUSED_NAMES = {
    'x.txt': NO_LOG,
    'x.bag': f'File validation failed: {LOG}: the name says ROS 1 bag, the content is a'
             ' ULog; rename it, or give a custom_filename that ends in .ulg',
    '../x.ulg': _SLASH,
    '/etc/x.ulg': _SLASH,
    'a\\b.ulg': _SLASH,
    '.x.ulg': f'the file name {LOG} begins with a dot',
    '.': f'the file name {LOG} names no file',
    '..': f'the file name {LOG} names no file',
    'x\n.ulg': f'{_ODD}U+000A',
    'x\r\n.ulg': f'{_ODD}U+000A, U+000D',
    'x\x7f.ulg': f'{_ODD}U+007F',
    'gpj\u202eglu.ulg': f'{_ODD}U+202E',
    'x\u2028.ulg': f'{_ODD}U+2028',
    'x\ufffe.ulg': f'{_ODD}U+FFFE',
    'x' * 252 + '.ulg': f"the file name '{'x' * 40}'... has 256 bytes; at most 255 are possible",
}
"""Names that no object gets, and what is said of them: status 400."""

GOOD_NAMES = (
    'mission_42.ulg', 'a b.ULG', ' .ulg', '-rf.ulg', 'Flug über Köln 测试 🚁 50%+&=#?;.ulg',
    "it's [a] {log} ~ *.ulg", 'a "quoted" name.ulg', '%2e%2e%2fx.ulg', 'x' * 251 + '.ulg')
"""Names that an object can have."""

OWN = '{own}'
"""Stands for the folder of the machine, with its final slash."""
FOREIGN_KEYS = (
    OWN, 'x', 'x.ulg', f'/{OWN}x.ulg', f'{OWN}../drone-002/x.ulg', f'{OWN}./x.ulg',
    f'{OWN}/x.ulg', f'{OWN}x/', f'{OWN}..', f'{OWN}a/../x.ulg', 'flight_logs/drone-001/x.ulg',
    f's3://flight-logs/{OWN}x.ulg', '../../etc/passwd', '/etc/passwd', '.', '..', '/')
"""Keys that are not in the folder of the machine: status 403."""

MISSING_KEYS = (
    f'{OWN}x.ulg', f'{OWN}a b+%2F?#&=;.ulg', f'{OWN}..%2f..%2fx.ulg', f'{OWN}飛行 🚁.ulg',
    f'{OWN}a\\..\\x.ulg', f'{OWN}%', f'{OWN}x' + 'y' * 900, f'{OWN}x?ticket=none', f'{OWN}%00')
"""Keys of objects that are not there: status 404."""

UNSENDABLE_KEYS = {
    '': '%s is empty',
    f'{OWN}x\n.ulg': '%s {key} has characters that cannot be shown',
    f'{OWN}\x7f': '%s {key} has characters that cannot be shown',
    f'{OWN}\u202ex.ulg': '%s {key} has characters that cannot be shown',
    'x' * 1025: '%s has 1025 bytes; S3 takes 1024',
}
"""Keys that cannot be meant, and what is said of them: status 400."""

FOREIGN_PREFIXES = (
    '.', '..', '../', './', '/', '//', '/2025', 'a//b', 'a/../b', '../drone-002/',
    'flight_logs/', 'flight_logs/drone-001/', f'{OWN}../')
"""Prefixes that lead out of the folder of the machine: status 403."""
