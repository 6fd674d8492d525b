"""The parameters of the node: one table, checked as a whole before anything is begun."""
from collections.abc import Mapping
from dataclasses import dataclass, fields
import difflib
import math
from pathlib import Path
from typing import Any, Optional, Union

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.settings import (
    BucketSettings,
    DEFAULT_EXTENSIONS,
    MAX_OBJECT_SIZE_BYTES,
    MAX_PART_SIZE_BYTES,
    MIN_PART_SIZE_BYTES,
    VALIDATION_LEVELS,
)
from flightlog_bucket.transfers.retention_policy import (
    AT_ONCE,
    FREE_SPACE,
    KEEP,
    KEEP_DAYS,
    MAX_KEEP_DAYS,
    RetentionPolicy,
)
from flightlog_bucket.transfers.state_directory import default_state_directory
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

Value = Union[str, int, float, bool, list[str]]
_NUMBERS = (Parameter.Type.INTEGER, Parameter.Type.DOUBLE)
# rclpy's own; they may stand in the same file.
_OF_RCLPY = ('use_sim_time', 'start_type_description_service')


@dataclass(frozen=True)
class Row:
    """
    One parameter.

    :param default: its type is the type of the parameter
    :param description: what it is, with the unit
    :param low: the smallest number it takes
    :param high: the largest number it takes
    :param choices: all that it takes; empty: anything of the type
    :param required: must be given; the default stands for "not given"
    :param setting: its name in ``BucketSettings``, where that has another one
    :param is_live: can be changed while the node runs
    """

    name: str
    default: Value
    description: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    required: bool = False
    setting: str = ''
    is_live: bool = False

    @property
    def takes(self) -> str:
        """Return what values are right, in words."""
        kind = {str: 'a string', int: 'an integer', float: 'a number', bool: 'true or false',
                list: 'a list of strings'}[type(self.default)]
        if self.choices:
            return f'{kind}, one of ' + ', '.join(repr(c) for c in self.choices)
        return kind if math.isinf(self.low) else f'{kind} from {self.low:.15g} to {self.high:.15g}'


TABLE = (
    Row('bucket_name', '', 'The S3 bucket.', required=True),
    Row('session_token_url', '', 'Where session tokens are fetched with a POST.', required=True),
    Row('session_token_bearer_file', '', 'A file that holds the bearer token for the'
        ' session-token service. Empty: none is sent.'),
    Row('robot_instance_id', '', 'This machine: the folder of every key it may touch.'
        ' Empty: the environment variable ROBOT_INSTANCE_ID.'),
    Row('region', 'us-east-1', 'The AWS region of the bucket.'),
    Row('upload_prefix', 'flight_logs/', 'The folder above the folders of the machines.'),
    Row('endpoint_url', '', 'Another S3 server than AWS. Empty: AWS.'),
    Row('addressing_style', 'auto', 'Where the bucket stands in a URL.',
        choices=('auto', 'path', 'virtual')),
    Row('allowed_extensions', list(DEFAULT_EXTENSIONS), 'The file names that are flight logs.',
        choices=DEFAULT_EXTENSIONS),
    Row('max_file_size', 2 * 1024 ** 3, 'Bytes; a log must be smaller.', 2,
        MAX_OBJECT_SIZE_BYTES + 1, setting='max_file_size_bytes'),
    Row('validation_level', 'structure', 'How deep a log is checked before it is sent: its header,'
        ' also its structure without the data, or all of it.', choices=VALIDATION_LEVELS),
    Row('upload_corrupt', False, 'Store logs that nobody can read as well, in the folder corrupt'
        ' of the machine.'),
    Row('request_timeout', 30.0, 'Seconds; a call without progress ends within this time.',
        1, 3600, setting='request_timeout_s'),
    Row('credential_lifetime_s', 3600.0, 'Seconds; the life of a session token whose service'
        ' does not tell its end.', 1, 7 * 24 * 3600),
    Row('server_side_encryption', '', 'What S3 encrypts with. Empty: the default of the bucket.',
        choices=('', 'AES256', 'aws:kms')),
    Row('sse_kms_key_id', '', 'The key for aws:kms. Empty: the default key.'),
    Row('multipart_threshold', 16 * 1024 ** 2, 'Bytes; logs from this size on go up in parts.',
        MIN_PART_SIZE_BYTES, MAX_PART_SIZE_BYTES, setting='multipart_threshold_bytes'),
    Row('part_size', 8 * 1024 ** 2, 'Bytes of a part.',
        MIN_PART_SIZE_BYTES, MAX_PART_SIZE_BYTES, setting='part_size_bytes'),
    Row('max_concurrent_parts', 4, 'Requests that one upload has on the wire at once.', 1, 32),
    Row('max_concurrent_transfers', 4, 'Uploads at once.', 1, 32),
    Row('max_pending_requests', 100, 'Requests of one kind that may wait for their turn;'
        ' further ones are answered with 503.', 1, 10_000),
    Row('retry_max_delay_s', 300.0, 'Seconds; the longest pause before a log in the background'
        ' is tried again.', 1, 24 * 3600),
    Row('bag_directory', '', 'The folder that a relative file_path, and relative paths in events,'
        ' start from.'
        ' Empty: where the node was started.'),
    Row('state_directory', '', 'The folder of the ledger; one node at a time can have it. Empty:'
        ' flightlog_bucket in $ROS_HOME, else in ~/.ros.'),
    Row('watch_directories', [''], 'Folders whose finished logs are uploaded, with all that is in'
        ' them. Empty: none.'),
    Row('watch_patterns', ['*'], 'The names, or paths within a watched folder, of the files that'
        ' are meant; of these, the ones with an allowed extension.'),
    Row('settle_s', 10.0, 'Seconds for which a log in a watched folder must be unchanged, and not'
        ' open for writing.', 0.1, 3600),
    Row('rescan_period_s', 60.0, 'Seconds between two looks at all of the watched folders, for'
        ' what no event has told.', 1, 24 * 3600),
    Row('max_bandwidth', 0, 'Bytes per second of all uploads together; 0: no limit.',
        0, 2 ** 40, is_live=True),
    Row('retention', KEEP, 'Which local logs of the watched folders are deleted, once S3 has'
        ' proved that it has them.', choices=(KEEP, AT_ONCE, KEEP_DAYS, FREE_SPACE)),
    Row('keep_days', 30.0, 'Days after which retention keep_days deletes a stored log.',
        0.001, MAX_KEEP_DAYS),
    Row('min_free_bytes', 0, 'Bytes of the disk below which retention free_space deletes the'
        ' oldest stored logs.', 0, 2 ** 60),
    Row('retention_dry_run', False, 'Say what retention would delete, and delete nothing.'),
)


@dataclass(frozen=True)
class NodeSettings:
    """
    What the node is set to.

    :param bucket: of the connection
    :param max_concurrent_transfers: uploads at once
    :param max_pending_requests: requests of one kind that may wait
    :param retry_max_delay_s: the longest pause between two tries of one log
    :param bag_directory: absolute; relative paths start here
    :param state_directory: absolute; of the ledger
    :param watch_directories: absolute
    :param watch_patterns: of names, or of paths within a watched folder
    :param settle_s: how long a log must be unchanged
    :param rescan_period_s: between two looks at all of the watched folders
    :param max_bandwidth_bytes_per_s: of all uploads together; 0: no limit
    :param retention: which local logs may go
    """

    bucket: BucketSettings
    max_concurrent_transfers: int
    max_pending_requests: int
    retry_max_delay_s: float
    bag_directory: Path
    state_directory: Path
    watch_directories: tuple[Path, ...]
    watch_patterns: tuple[str, ...]
    settle_s: float
    rescan_period_s: float
    max_bandwidth_bytes_per_s: int
    retention: RetentionPolicy


def declare(node: Node, environment: Mapping[str, str]) -> NodeSettings:
    """
    Declare every parameter, and return the settings that they amount to.

    :param environment: gives ROBOT_INSTANCE_ID, ROS_HOME and HOME
    :raises ConfigurationError: a parameter is missing, unknown, of a wrong type or out of range
    """
    # rclpy has no public way to ask which parameters were given that nobody declared.
    given = node._parameter_overrides
    _refuse_unknown(given)
    values = {row.name: _value(row, given.get(row.name)) for row in TABLE}
    values['robot_instance_id'] = (values['robot_instance_id']
                                   or environment.get('ROBOT_INSTANCE_ID', ''))
    for row in TABLE:
        node.declare_parameter(row.name, values[row.name], _descriptor(row), ignore_override=True)
    return _settings(values, environment)


def _refuse_unknown(given: Mapping[str, Parameter]) -> None:
    names = [row.name for row in TABLE]
    for name in given:
        if name not in names and name not in _OF_RCLPY and not name.startswith('qos_overrides.'):
            near = difflib.get_close_matches(name, names, n=1)
            raise ConfigurationError(f'there is no parameter {name!r}'
                                     + (f'; is {near[0]!r} meant?' if near else ''))


def _value(row: Row, given: Optional[Parameter]) -> Value:
    if given is not None:
        value = _converted(row, given)
    elif row.required:
        raise ConfigurationError(f'parameter {row.name} is not set; give {row.takes}:'
                                 f' {row.description}')
    else:
        value = row.default
    if row.required and not value:
        raise ConfigurationError(f'parameter {row.name} is empty; give {row.takes}:'
                                 f' {row.description}')
    return value


def _converted(row: Row, given: Parameter) -> Value:
    value, kind = given.value, type(row.default)
    if kind is float and given.type_ in _NUMBERS:
        value = float(value)  # "30" in a file is an integer, and meant as well as 30.0
    if kind is list and isinstance(value, (list, tuple)):
        value = list(value)
    if kind is list and not value and not row.choices:
        value = ['']  # ROS has no empty list of strings
    if type(value) is not kind or not _is_within(row, value):
        raise ConfigurationError(f'parameter {row.name} is {value!r}; give {row.takes}')
    return value


def _is_within(row: Row, value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(v, str) and (not row.choices or v in row.choices) for v in value) \
            and (bool(value) or not row.choices)
    if not isinstance(value, str) and not row.low <= value <= row.high:
        return False
    return not row.choices or value in row.choices


def _descriptor(row: Row) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(name=row.name, description=row.description,
                                     read_only=not row.is_live, additional_constraints=row.takes)
    if math.isinf(row.low):
        return descriptor
    if isinstance(row.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(row.low), to_value=float(row.high), step=0.0)]
    elif isinstance(row.default, int):
        descriptor.integer_range = [
            IntegerRange(from_value=int(row.low), to_value=int(row.high), step=1)]
    return descriptor


def _settings(values: Mapping[str, Any], environment: Mapping[str, str]) -> NodeSettings:
    known = {field.name for field in fields(BucketSettings)}
    bucket = {row.setting or row.name: values[row.name] for row in TABLE
              if (row.setting or row.name) in known}
    bucket['allowed_extensions'] = tuple(values['allowed_extensions'])
    secret = values['session_token_bearer_file']
    bucket['session_token_bearer_file'] = Path(secret) if secret else None
    bag_directory = Path(values['bag_directory']).absolute()
    state = values['state_directory']
    policy = RetentionPolicy(mode=values['retention'], keep_days=values['keep_days'],
                             min_free_bytes=values['min_free_bytes'],
                             dry_run=values['retention_dry_run'])
    return NodeSettings(
        BucketSettings(**bucket), values['max_concurrent_transfers'],
        values['max_pending_requests'], values['retry_max_delay_s'], bag_directory,
        state_directory=_absolute(state) if state else default_state_directory(environment),
        watch_directories=tuple(_absolute(d) for d in values['watch_directories'] if d),
        watch_patterns=tuple(p for p in values['watch_patterns'] if p),
        settle_s=values['settle_s'], rescan_period_s=values['rescan_period_s'],
        max_bandwidth_bytes_per_s=values['max_bandwidth'], retention=policy)


def _absolute(directory: str) -> Path:
    try:
        return Path(directory).expanduser().absolute()
    except RuntimeError as error:  # no home directory
        raise ConfigurationError(f'{directory!r} cannot be meant: {error}') from None
