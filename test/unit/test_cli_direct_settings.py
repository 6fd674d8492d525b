"""What ``--direct`` is set to by options, the parameter file and the environment."""
import argparse
import os
from pathlib import Path
import subprocess
import sys

from flightlog_bucket.cli import direct
from flightlog_bucket.cli.direct_settings import settings_from_options
from flightlog_bucket.errors import ConfigurationError
import pytest

NEEDED = {'bucket': 'flight-logs', 'session_token_url': 'http://localhost/token',
          'machine': 'drone-001'}
HOME = {'HOME': '/home/crew'}


def test_three_options_are_enough() -> None:
    settings = settings_from_options(NEEDED, HOME)
    assert settings.bucket.bucket_name == 'flight-logs'
    assert settings.bucket.machine_prefix == 'flight_logs/drone-001/'
    assert settings.bucket.region == 'us-east-1'


def test_every_option_has_its_setting(tmp_path: Path) -> None:
    settings = settings_from_options(
        {**NEEDED, 'region': 'eu-central-1', 'endpoint_url': 'http://localhost:9000',
         'session_token_bearer_file': '/etc/token', 'state_directory': 'here'}, HOME)
    assert settings.bucket.region == 'eu-central-1'
    assert settings.bucket.endpoint_url == 'http://localhost:9000'
    assert settings.bucket.session_token_bearer_file == Path('/etc/token')
    assert settings.state_directory == Path('here').absolute()


def test_options_go_before_the_file_and_that_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / 'flightlog.yaml'
    file.write_text('/**: {ros__parameters: {bucket_name: of-file, part_size: 6291456,'
                    ' session_token_url: "http://localhost/file", state_directory: /of/node,'
                    ' robot_instance_id: of-file, validation_level: header}}')
    environment = {**HOME, 'ROBOT_INSTANCE_ID': 'of-environment'}
    settings = settings_from_options({'config': os.fspath(file), 'bucket': 'of-option'},
                                     environment)
    assert settings.bucket.bucket_name == 'of-option'
    assert settings.bucket.session_token_url == 'http://localhost/file'
    assert settings.bucket.part_size_bytes == 6291456
    assert settings.bucket.validation_level == 'header'
    assert settings.bucket.robot_instance_id == 'of-file'
    assert settings.state_directory == Path('/home/crew/.local/state/flightlog_bucket')
    without = {name: value for name, value in NEEDED.items() if name != 'machine'}
    assert settings_from_options(without, environment).bucket.robot_instance_id == 'of-environment'


@pytest.mark.parametrize('option', list(NEEDED))
@pytest.mark.parametrize('value', [None, ''])
def test_what_is_missing_is_named(option: str, value: object) -> None:
    given = {name: text for name, text in NEEDED.items() if name != option}
    if value is not None:
        given[option] = ''
    with pytest.raises(ConfigurationError, match=f'--{option.replace("_", "-")}, or --config'):
        settings_from_options(given, HOME)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ConfigurationError, match='bucket_name'):
        settings_from_options({**NEEDED, 'bucket': '_'}, HOME)
    with pytest.raises(ConfigurationError, match='session_token_url'):
        settings_from_options({**NEEDED, 'session_token_url': 'ftp://x'}, HOME)
    with pytest.raises(ConfigurationError, match='cannot read'):
        settings_from_options({**NEEDED, 'config': '/nowhere/x.yaml'}, HOME)


def test_a_mistyped_parameter_of_the_file_is_said(tmp_path: Path) -> None:
    file = tmp_path / 'flightlog.yaml'
    file.write_text('/**: {ros__parameters: {bucket: x}}')
    with pytest.raises(ConfigurationError, match="there is no parameter 'bucket'"):
        settings_from_options({**NEEDED, 'config': os.fspath(file)}, HOME)


@pytest.mark.parametrize(('environment', 'expected'), [
    ({'XDG_STATE_HOME': '/var/state', **HOME}, '/var/state/flightlog_bucket'),
    ({'XDG_STATE_HOME': '/var/state'}, '/var/state/flightlog_bucket'),
    ({'XDG_STATE_HOME': 'relative', **HOME}, '/home/crew/.local/state/flightlog_bucket'),
    ({'XDG_STATE_HOME': '', **HOME}, '/home/crew/.local/state/flightlog_bucket')])
def test_the_state_is_where_the_desktop_keeps_it(environment: dict[str, str],
                                                 expected: str) -> None:
    assert settings_from_options(NEEDED, environment).state_directory == Path(expected)


def test_nowhere_to_keep_the_state_is_said() -> None:
    with pytest.raises(ConfigurationError, match='--state-directory'):
        settings_from_options(NEEDED, {})
    assert settings_from_options({**NEEDED, 'state_directory': '/x'}, {}).state_directory == Path(
        '/x')


def test_options_without_direct_are_refused() -> None:
    parser = argparse.ArgumentParser()
    direct.add_options(parser)
    direct.check_unused(parser.parse_args([]))
    with pytest.raises(ConfigurationError, match=r'^--session-token-url .* --direct'):
        direct.check_unused(parser.parse_args(['--session-token-url', 'http://x']))


def test_the_options_take_nothing_that_is_slow_to_import() -> None:
    code = ('import sys, argparse\n'
            'from flightlog_bucket.cli import direct\n'
            'direct.add_options(argparse.ArgumentParser())\n'
            'slow = {"boto3", "yaml", "rclpy", "rich", "requests", "sqlite3"} & set(sys.modules)\n'
            'sys.exit(str(slow) if slow else 0)\n')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
