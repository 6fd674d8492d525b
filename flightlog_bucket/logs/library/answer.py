"""
What the process that reads a log tells the one that started it: one JSON object.

It has read what may be hostile, so that its answer is not trusted: whatever is not of the
expected types and sizes is no answer.
"""
from collections.abc import Mapping
from dataclasses import asdict, replace
import errno
import json
import os
from typing import Any, Optional

from flightlog_bucket.errors import ConfigurationError, LocalFileChanged
from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED, VALID

MAX_BYTES = 1024 * 1024
_MAX_REASON = 500  # characters
_MAX_NAME = 4096
_COUNTS = ('start_ns', 'duration_ns', 'message_count', 'dropouts', 'dropout_ms')
_MAX_CAUSES = 10  # of an error, that are looked at

OUT_OF_MEMORY = b'{"limit": "memory"}'
"""Ready before it is needed: then there is no memory to make it."""

# What hitting a limit, or a full disk, looks like to a library.
_LIMITS = {
    errno.ENOMEM: 'memory', errno.EAGAIN: 'memory', errno.EFBIG: 'file', errno.ENOSPC: 'file',
    errno.EDQUOT: 'file', errno.EMFILE: 'open files', errno.ENFILE: 'open files'}
# What a disk that does not answer looks like.
_DISK_FAULTS = frozenset((
    errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ETIMEDOUT,
    errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EREMOTEIO))
# What comes of the log, e.g. an offset before its begin; bz2 raises an OSError without a number.
_OF_THE_LOG = frozenset((None, errno.EINVAL, errno.EOVERFLOW, errno.ERANGE))
# Of the dynamic loader, https://sourceware.org/git/?p=glibc.git;a=blob;f=elf/dl-load.c.
_LOADER_IS_OUT_OF_MEMORY = ('failed to map segment', 'cannot allocate memory',
                            'Cannot allocate memory', 'cannot create shared object descriptor')


class NoAnswer(ValueError):
    """What the process wrote is no answer."""


def of_reading(reading: Reading) -> bytes:
    """Return the answer that tells what was found; topics that are too many are left out."""
    data = json.dumps(asdict(reading)).encode()
    if len(data) <= MAX_BYTES:
        return data
    return json.dumps(asdict(replace(reading, topics=None))).encode()


def of_error(error: BaseException, path: str) -> bytes:
    """
    Return the answer that tells what a library raised.

    :param error: what it raised
    :param path: by which it knew the log; it is no path that a person knows
    """
    for cause in _causes(error):
        if isinstance(cause, MemoryError):
            return OUT_OF_MEMORY
        if isinstance(cause, OSError) and cause.errno not in _OF_THE_LOG:
            return json.dumps(_of_system(cause.errno or 0)).encode()
    if isinstance(error, LocalFileChanged):
        return json.dumps({'changed': True}).encode()
    if isinstance(error, ImportError):  # what a library imports only when it needs it
        return of_import_error(error)
    text = ' '.join(str(error)[:_MAX_REASON].replace(path, 'the log').split())
    name = type(error).__name__
    reason = f'the library of its format cannot read it: {f"{name}: {text}" if text else name}'
    return of_reading(Reading(CORRUPT, reason))


def of_import_error(error: ImportError) -> bytes:
    """Return the answer that tells which library is missing, or why it cannot be used."""
    if isinstance(error, ModuleNotFoundError):
        return json.dumps({'missing': str(error.name)}).encode()
    if any(words in str(error) for words in _LOADER_IS_OUT_OF_MEMORY):
        return OUT_OF_MEMORY
    return json.dumps({'unusable': str(error)}).encode()


def parse(data: bytes, structure: str, limits: Mapping[str, str]) -> Reading:
    """
    Return what the answer says.

    :param data: as it was written
    :param structure: what is said of the log if not all of it could be read
    :param limits: what to say of each that can be hit, by its name
    :raises NoAnswer: if it is none
    :raises ConfigurationError: if a library is missing
    :raises LocalFileChanged: if the log became shorter
    :raises OSError: if the disk did not give the log
    """
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NoAnswer('not JSON') from error
    if not isinstance(answer, dict):
        raise NoAnswer('not an object')
    _raise_fault(answer)
    if 'limit' in answer:
        return unfinished(structure, _of_limit(answer['limit'], limits))
    if 'refused' in answer:
        return unfinished(structure, 'the system refuses what the library needs'
                                     f' ({_system_error(answer["refused"]).strerror})')
    return _reading(answer, structure)


def unfinished(structure: str, why: str) -> Reading:
    """Return what is said of a log that could not be read to its end, for no fault of its own."""
    return Reading(structure, f'the full check was not finished: {why}')


def _of_system(number: int) -> dict[str, Any]:
    if number in _LIMITS:
        return {'limit': _LIMITS[number]}
    return {'errno' if number in _DISK_FAULTS else 'refused': number}


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    cause: Optional[BaseException] = error
    while cause is not None and len(causes) < _MAX_CAUSES:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return causes


def _raise_fault(answer: dict[str, Any]) -> None:
    if 'errno' in answer:
        raise _system_error(answer['errno'])
    if 'changed' in answer:
        raise LocalFileChanged('the log became shorter while it was read')
    if 'missing' in answer:
        module = _text(answer['missing'], _MAX_REASON)
        package = module.partition('.')[0]
        raise ConfigurationError(
            f'the full check of this format needs the Python module {module}, which is not here;'
            f' install it (pip install {package}), or check at the level structure')
    if 'unusable' in answer:
        why = _text(answer['unusable'], _MAX_REASON)
        raise ConfigurationError(
            f'the full check of this format cannot use its library: {why}; install another'
            ' version of it, or check at the level structure')


def _system_error(value: Any) -> OSError:
    number = _number(value)
    if number is None or number not in errno.errorcode:
        raise NoAnswer('an unknown fault')
    return OSError(number, os.strerror(number))


def _of_limit(value: Any, limits: Mapping[str, str]) -> str:
    if not isinstance(value, str) or value not in limits:
        raise NoAnswer('an unknown limit')
    return limits[value]


def _reading(answer: dict[str, Any], structure: str) -> Reading:
    outcome = answer.get('outcome')
    if outcome not in (VALID, TRUNCATED, CORRUPT):
        raise NoAnswer('an unknown outcome')
    reason = _text(answer.get('reason'), _MAX_REASON)
    if outcome == VALID and reason:  # not all of it was read
        outcome = structure
    return Reading(outcome, reason, topics=_topics(answer.get('topics')),
                   **{name: _number(answer.get(name)) for name in _COUNTS})


def _topics(value: Any) -> Optional[tuple[Topic, ...]]:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise NoAnswer('topics that are none')
    return tuple(Topic(_text(row.get('name'), _MAX_NAME), _text(row.get('type'), _MAX_NAME),
                       _number(row.get('message_count'))) for row in value)


def _number(value: Any) -> Optional[int]:
    if value is None:
        return None
    if type(value) is not int or not -2**63 <= value < 2**64:
        raise NoAnswer('a number that is none')
    return value


def _text(value: Any, length: int) -> str:
    if not isinstance(value, str):
        raise NoAnswer('a text that is none')
    # A lone surrogate would come out wherever the text is written.
    return value[:length].encode(errors='backslashreplace').decode()
