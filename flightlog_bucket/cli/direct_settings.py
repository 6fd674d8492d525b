"""What ``--direct`` is set to: the node's own parameter file, and options that go before it."""
from collections.abc import Mapping
import os
from pathlib import Path

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.parameters.node_settings import NodeSettings, settings_from
from flightlog_bucket.parameters.yaml_file import read_parameter_file

# Options, and the parameters that they stand for.
_PARAMETERS = {
    'bucket': 'bucket_name', 'region': 'region', 'endpoint_url': 'endpoint_url',
    'session_token_url': 'session_token_url',
    'session_token_bearer_file': 'session_token_bearer_file', 'machine': 'robot_instance_id',
}
_NEEDED = {'bucket_name': '--bucket', 'session_token_url': '--session-token-url',
           'robot_instance_id': '--machine'}


def settings_from_options(options: Mapping[str, str], environment: Mapping[str, str], *,
                          node: str = '') -> NodeSettings:
    """
    Return what the command line amounts to.

    :param options: that were given, by the names of ``cli.direct.add_options()``
    :param environment: gives ROBOT_INSTANCE_ID, XDG_STATE_HOME and HOME
    :param node: which one of ``config`` is meant; empty: the only one
    :raises ConfigurationError: if a setting is missing, or cannot be
    """
    given = read_parameter_file(Path(options['config']), node) if 'config' in options else {}
    given.update({_PARAMETERS[name]: value for name, value in options.items()
                  if name in _PARAMETERS})
    for name, option in _NEEDED.items():
        if not given.get(name) and not (name == 'robot_instance_id'
                                        and environment.get('ROBOT_INSTANCE_ID')):
            raise ConfigurationError(f'--direct takes {option}, or --config with {name}')
    # That of the file is the node's, which has it for itself.
    given['state_directory'] = os.fspath(_state_directory(options, environment))
    # Every path that is asked for is whole by then.
    given['bag_directory'] = os.sep
    return settings_from(given, environment)


def _state_directory(options: Mapping[str, str], environment: Mapping[str, str]) -> Path:
    """
    Return the folder that is given, or the one that the environment says.

    https://specifications.freedesktop.org/basedir-spec/latest/ ignores a path that is relative.
    """
    if options.get('state_directory'):
        return Path(options['state_directory']).absolute()
    base = environment.get('XDG_STATE_HOME', '')
    if os.path.isabs(base):
        return Path(base, 'flightlog_bucket')
    if not environment.get('HOME'):
        raise ConfigurationError('neither XDG_STATE_HOME nor HOME is set: give --state-directory')
    return Path(environment['HOME'], '.local', 'state', 'flightlog_bucket').absolute()
