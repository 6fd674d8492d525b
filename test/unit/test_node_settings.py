"""The parameters without ROS: what a file has becomes settings, or one clear error."""
import datetime
from pathlib import Path

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.parameters.node_settings import settings_from
from flightlog_bucket.parameters.table import TABLE
import pytest

GIVEN = {'bucket_name': 'flight-logs', 'session_token_url': 'http://127.0.0.1:9/t'}
ENVIRONMENT = {'ROBOT_INSTANCE_ID': 'drone-001', 'HOME': '/home/robot'}


def test_what_is_not_given_has_its_default() -> None:
    settings = settings_from(GIVEN, ENVIRONMENT)
    assert settings.bucket.robot_instance_id == 'drone-001'
    assert settings.state_directory == Path('/home/robot/.ros/flightlog_bucket')
    assert settings.bucket.part_size_bytes == 8 * 1024 ** 2
    assert settings.watch_directories == ()
    assert settings.watch_patterns == ('*',)


def test_what_is_given_counts() -> None:
    settings = settings_from({**GIVEN, 'robot_instance_id': 'drone-7', 'request_timeout': 5,
                              'watch_directories': ['/a', '/b'], 'watch_patterns': [],
                              'max_bandwidth': 7}, ENVIRONMENT)
    assert settings.bucket.robot_instance_id == 'drone-7'
    assert settings.bucket.request_timeout_s == 5.0
    assert settings.watch_directories == (Path('/a'), Path('/b'))
    assert settings.watch_patterns == ()
    assert settings.max_bandwidth_bytes_per_s == 7


def test_the_own_parameters_of_ros_may_stand_beside() -> None:
    settings_from({**GIVEN, 'use_sim_time': True, 'qos_overrides./x.depth': 3}, ENVIRONMENT)


@pytest.mark.parametrize(('wrong', 'words'), [
    ({'buket_name': 'x'}, "no parameter 'buket_name'; is 'bucket_name' meant"),
    ({'bucket_name': ''}, 'bucket_name is empty'),
    ({'max_bandwidth': 1.5}, 'max_bandwidth is 1.5; give an integer'),
    ({'max_bandwidth': True}, 'max_bandwidth is True; give an integer'),
    ({'upload_corrupt': 1}, 'upload_corrupt is 1; give true or false'),
    ({'keep_days': None}, 'keep_days is None; give a number'),
    ({'region': datetime.date(2025, 7, 27)}, 'region is'),
    ({'watch_directories': [1]}, r'watch_directories is \[1\]; give a list of strings'),
    ({'retention': 'free_space'}, 'min_free_bytes is 0'),
])
def test_a_mistake_is_named(wrong, words) -> None:
    with pytest.raises(ConfigurationError, match=words):
        settings_from({**GIVEN, **wrong}, ENVIRONMENT)


@pytest.mark.parametrize('row', TABLE, ids=lambda row: row.name)
def test_every_default_is_right(row) -> None:
    assert row.required or row.checked(row.default) == row.default
