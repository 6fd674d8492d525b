"""
Object keys: how they are made, and whose they are.

A key is ``{upload_prefix}/{machine}/{YYYYMMDD_HHMMSS}_{filename}``. Ownership goes by path
segments, so that ``drone-1`` never reaches ``drone-10``.
"""
from collections.abc import Iterator
from datetime import datetime, timezone
import unicodedata

from flightlog_bucket.errors import AccessDenied, InvalidRequest

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024
MAX_FILENAME_BYTES = 255
# Each takes two requests or more to look at.
MAX_VERSIONS = 20

# Control characters, lone surrogates, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset(('Cc', 'Cs', 'Zl', 'Zp'))
# They turn the text around them about: "gpj.ulg" can be shown as "glu.jpg".
_REFUSED_FORMATS = frozenset(
    '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069')


def check_filename(name: str) -> str:
    """
    Return the name that a person gave for an object if it is one safe segment of a key.

    :raises InvalidRequest: saying what is wrong with it
    """
    size = len(name.encode(errors='surrogatepass'))
    if size > MAX_FILENAME_BYTES:
        raise InvalidRequest(f'the file name {name[:40]!r}... has {size} bytes;'
                             f' at most {MAX_FILENAME_BYTES} are possible')
    if name in ('', '.', '..'):
        raise InvalidRequest(f'the file name {name!r} names no file')
    if '/' in name or '\\' in name:
        raise InvalidRequest(f'the file name {name!r} has a slash in it; give a name, not a path')
    if name.startswith('.'):
        raise InvalidRequest(f'the file name {name!r} begins with a dot')
    refused = sorted({c for c in name if _is_refused(c)})
    if refused:
        raise InvalidRequest(f'the file name {name!r} has characters that cannot be shown: '
                             + ', '.join(f'U+{ord(c):04X}' for c in refused))
    return name


def safe_filename(name: str) -> str:
    """
    Return a file's own name with ``_`` in place of what cannot stand in a key.

    A log whose name no key can take is stored nevertheless.
    """
    safe = ''.join('_' if c in '/\\' or _is_refused(c) else c for c in name)
    return '_' + safe[1:] if safe.startswith('.') else safe


def stamped(timestamp: datetime, name: str) -> str:
    """
    Return ``{YYYYMMDD_HHMMSS}_{name}``.

    :param timestamp: aware; shown in UTC
    """
    utc = timestamp.astimezone(timezone.utc)
    return f'{utc.year:04}{utc:%m%d_%H%M%S}_{name}'  # %Y has fewer digits before the year 1000


def versions(folder: str, filename: str, extension: str) -> Iterator[str]:
    """
    Yield the keys that a log may get, in the order in which they are tried.

    :param folder: everything before the file name, with its final slash
    :param filename: one segment
    :param extension: the end of ``filename`` before which ``_2``, ``_3`` ... is put
    :raises InvalidRequest: if the key has more bytes than S3 takes
    """
    end = filename[len(filename) - len(extension):]
    stem = filename[:len(filename) - len(extension)]
    for version in range(1, MAX_VERSIONS + 1):
        suffix = '' if version == 1 else f'_{version}'
        key = f'{folder}{stem}{suffix}{end}'
        if len(key.encode()) > MAX_KEY_BYTES:
            raise InvalidRequest(f'the key for {filename[:40]!r}... has {len(key.encode())} bytes;'
                                 f' S3 takes {MAX_KEY_BYTES}. Give a shorter custom_filename')
        yield key


def check_machine_id(machine_id: str, own: str) -> None:
    """
    Accept a ``machine_id`` argument only if it names this machine, or is empty.

    :raises AccessDenied: otherwise
    """
    if machine_id and machine_id != own:
        raise AccessDenied(f'this is machine {own!r}; the logs of {machine_id!r} are not its own')


def check_own_key(key: str, machine_prefix: str) -> str:
    """
    Return ``key`` if it names an object in the machine's own folder.

    :raises InvalidRequest: if it is empty or too long, or cannot be sent
    :raises AccessDenied: if it lies anywhere else, or has a ``.``, ``..`` or empty segment
    """
    _check_sendable('s3_key', key)
    segments = key.split('/')
    if not key.startswith(machine_prefix) or any(s in ('', '.', '..') for s in segments):
        raise AccessDenied(f'{key!r} is not a key in the folder of this machine,'
                           f' {machine_prefix!r}')
    return key


def own_prefix(prefix: str, machine_prefix: str) -> str:
    """
    Return the whole key prefix for a listing.

    :param prefix: within the machine's folder, or a whole one that begins with that folder
    :raises InvalidRequest: if it is too long or cannot be sent
    :raises AccessDenied: if it has a ``.``, ``..`` or empty segment, or means another machine's
        folder
    """
    if not prefix:
        return machine_prefix
    _check_sendable('prefix', prefix)
    whole = prefix if prefix.startswith(machine_prefix) else machine_prefix + prefix
    above = machine_prefix[:machine_prefix[:-1].rfind('/') + 1]
    means_another = bool(above) and prefix.startswith(above) and whole != prefix
    # The last segment may be empty: "2025/" lists a folder.
    inner = whole.split('/')[:-1]
    if means_another or any(s in ('', '.', '..') for s in inner) or whole.endswith(('/.', '/..')):
        raise AccessDenied(f'the prefix {prefix!r} leads out of the folder of this machine,'
                           f' {machine_prefix!r}')
    _check_length('prefix', whole)
    return whole


def _check_sendable(what: str, key: str) -> None:
    if not key:
        raise InvalidRequest(f'{what} is empty')
    _check_length(what, key)
    if any(_is_refused(c) for c in key):
        raise InvalidRequest(f'{what} {key!r} has characters that cannot be shown')


def _check_length(what: str, key: str) -> None:
    size = len(key.encode(errors='surrogatepass'))
    if size > MAX_KEY_BYTES:
        raise InvalidRequest(f'{what} has {size} bytes; S3 takes {MAX_KEY_BYTES}')


def _is_refused(character: str) -> bool:
    # U+FFFE and U+FFFF cannot stand in XML, so no listing could name the key.
    return (character in _REFUSED_FORMATS or character in '\ufffe\uffff'
            or unicodedata.category(character) in _REFUSED_CATEGORIES)
