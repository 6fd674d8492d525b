"""Where a number becomes a warning, and where an error."""
from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.parameters.diagnostics_settings import Level, Limits
from flightlog_bucket.parameters.node_settings import NodeSettings, settings_from
import pytest

GIVEN = {'bucket_name': 'flight-logs', 'session_token_url': 'http://127.0.0.1:9/t',
         'robot_instance_id': 'drone-001'}
PAIRS = ('queue', 'queue_bytes', 'queue_age_s', 'fault_s')


def settings_with(**given: object) -> NodeSettings:
    return settings_from({**GIVEN, **given}, {'HOME': '/home/robot'})


@pytest.mark.parametrize(('warn', 'error', 'number', 'level'), [
    (10, 20, 9, Level.OK), (10, 20, 10, Level.WARN), (10, 20, 19, Level.WARN),
    (10, 20, 20, Level.ERROR), (10, 20, 1e12, Level.ERROR),
    (0, 20, 19, Level.OK), (0, 20, 20, Level.ERROR),
    (10, 0, 9, Level.OK), (10, 0, 1e12, Level.WARN),
    (0, 0, 1e12, Level.OK), (10, 10, 9, Level.OK), (10, 10, 10, Level.ERROR),
    (10, 20, float('nan'), Level.OK),
])
def test_a_ceiling(warn, error, number, level) -> None:
    assert Limits('x', warn, error).level(number) == level


@pytest.mark.parametrize(('warn', 'error', 'number', 'level'), [
    (20, 10, 20, Level.OK), (20, 10, 19, Level.WARN), (20, 10, 10, Level.WARN),
    (20, 10, 9, Level.ERROR), (20, 10, 0, Level.ERROR),
    (0, 10, 11, Level.OK), (0, 10, 9, Level.ERROR),
    (20, 0, 0, Level.WARN), (0, 0, 0, Level.OK),
])
def test_a_floor(warn, error, number, level) -> None:
    assert Limits('x', warn, error, is_floor=True).level(number) == level


@pytest.mark.parametrize('name', PAIRS)
def test_a_warning_that_comes_after_its_error_is_refused(name) -> None:
    warn, error = f'diagnostics_{name}_warn', f'diagnostics_{name}_error'
    with pytest.raises(ConfigurationError, match=f'{warn} is 8, above {error}, which is 7;'):
        settings_with(**{warn: 8, error: 7})
    for right in ((7, 7), (7, 8), (8, 0), (0, 7)):
        settings_with(**{warn: right[0], error: right[1]})


def test_so_it_is_for_what_is_left_of_a_disk() -> None:
    names = 'diagnostics_free_bytes_warn', 'diagnostics_free_bytes_error'
    with pytest.raises(ConfigurationError, match=f'{names[0]} is 7, below {names[1]}, which is 8'):
        settings_with(**dict(zip(names, (7, 8), strict=True)))
    for right in ((8, 7), (7, 7), (0, 8), (7, 0)):
        settings_with(**dict(zip(names, right, strict=True)))


def test_each_limit_is_that_of_its_parameter() -> None:
    numbers = {name: number for number, name in enumerate((
        'queue_warn', 'queue_error', 'queue_bytes_warn', 'queue_bytes_error', 'queue_age_s_warn',
        'queue_age_s_error', 'free_bytes_error', 'free_bytes_warn', 'fault_s_warn',
        'fault_s_error', 'last_error_s', 'stale_s'), 1)}
    got = settings_with(**{f'diagnostics_{n}': v for n, v in numbers.items()}).diagnostics
    for name in (*PAIRS, 'free_bytes'):
        limits = getattr(got, name)
        assert (limits.warn, limits.error) == (numbers[f'{name}_warn'], numbers[f'{name}_error'])
        assert limits.is_floor == (name == 'free_bytes')
    assert (got.last_error_s, got.stale_s) == (numbers['last_error_s'], numbers['stale_s'])
