"""The answer of a process that has read what may be hostile is not trusted."""
import errno
import json
from typing import Any

from flightlog_bucket.errors import ConfigurationError, LocalFileChanged
from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.library import answer
from flightlog_bucket.logs.library.reading import Reading
from hypothesis import given, strategies
import pytest

LIMITS = {'memory': 'too much memory', 'file': 'too large', 'open files': 'too many'}
JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats()
    | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner))
FIELDS = strategies.sampled_from((
    'outcome', 'reason', 'start_ns', 'duration_ns', 'message_count', 'topics', 'dropouts',
    'dropout_ms', 'limit', 'errno', 'missing', 'unusable', 'refused', 'changed'))


def parsed(value: Any, structure: str = 'valid') -> Reading:
    return answer.parse(json.dumps(value).encode(), structure, LIMITS)


@pytest.mark.parametrize('changed', [
    {'outcome': 'fine'}, {'outcome': None}, {'outcome': ['valid']}, {'outcome': 'mismatch'},
    {'reason': 7}, {'reason': None}, {'message_count': '7'}, {'message_count': True},
    {'message_count': 1.5}, {'message_count': 2**64}, {'start_ns': 10**5000}, {'topics': {}},
    {'topics': ['/a']}, {'topics': [{'name': '/a'}]}, {'topics': [{'name': 1, 'type': ''}]},
    {'topics': [{'name': '/a', 'type': 'b', 'message_count': 'x'}]}, {'dropouts': [1]},
    {'limit': 'patience'}, {'limit': []}, {'errno': 'EIO'}, {'errno': 10**9}, {'errno': None},
    {'errno': -5}, {'refused': 0}, {'refused': 'EIO'},
    {'missing': 3}, {'unusable': {}},
])
def test_a_field_of_a_wrong_type_or_size_is_no_answer(changed: dict[str, Any]) -> None:
    digits = '1' + '0' * 5000 if changed.get('start_ns') == 10**5000 else ''
    fields = {'outcome': 'valid', 'reason': '', **({'start_ns': 0} if digits else changed)}
    data = json.dumps(fields).replace('"start_ns": 0', f'"start_ns": {digits}')
    with pytest.raises(answer.NoAnswer):
        answer.parse(data.encode(), 'valid', LIMITS)


@pytest.mark.parametrize('data', [
    b'', b'{', b'[]', b'null', b'7', b'\xff\xfe', b'[' * 500_000, b'{"outcome": "valid"}{}',
    b'{"a":' * 100_000])
def test_what_is_no_json_object_is_no_answer(data: bytes) -> None:
    with pytest.raises(answer.NoAnswer):
        answer.parse(data, 'valid', LIMITS)


@given(strategies.dictionaries(FIELDS, JSON) | JSON)
def test_whatever_it_says_nothing_else_comes_of_it(value: Any) -> None:
    try:
        reading = parsed(value)
    except (answer.NoAnswer, ConfigurationError, LocalFileChanged, OSError):
        return
    assert reading.outcome in ('valid', 'truncated', 'corrupt')
    assert len(reading.reason) < 1000
    reading.reason.encode()


def test_texts_can_be_written_and_have_an_end() -> None:
    found = parsed({'outcome': 'corrupt', 'reason': '\udc80' + 'x' * 10_000,
                    'topics': [{'name': '\ud800', 'type': ''}]})
    assert found.reason.startswith('\\udc80xxx')
    assert len(found.reason) < 1000
    assert found.topics == (Topic('\\ud800', ''),)


@pytest.mark.parametrize('structure', ['valid', 'truncated'])
def test_what_was_not_read_to_its_end_stays_what_its_structure_is(structure: str) -> None:
    found = parsed({'outcome': 'valid', 'reason': 'not all of it was read'}, structure)
    assert found == Reading(structure, 'not all of it was read')
    assert parsed({'limit': 'memory'}, structure) == Reading(
        structure, 'the full check was not finished: too much memory')


@pytest.mark.parametrize('error', [
    ImportError('x.so: failed to map segment from shared object'), MemoryError(),
    OSError(errno.ENOMEM, 'no memory')])
def test_a_library_that_memory_does_not_suffice_for_is_not_missing(error: Exception) -> None:
    assert answer.of_error(error, '/proc/self/fd/3') == answer.OUT_OF_MEMORY
