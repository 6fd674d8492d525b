"""What the parameters amount to: one immutable record, checked as a whole."""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
import difflib
from pathlib import Path
from typing import Any

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.parameters.diagnostics_settings import DiagnosticsSettings
from flightlog_bucket.parameters.http_settings import HttpSettings
from flightlog_bucket.parameters.row import Value
from flightlog_bucket.parameters.table import TABLE
from flightlog_bucket.settings import BucketSettings
from flightlog_bucket.transfers.retention_policy import RetentionPolicy
from flightlog_bucket.transfers.state_directory import default_state_directory

# Of ROS itself; they may stand in the same file.
_OF_ROS = ('use_sim_time', 'start_type_description_service')


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
    :param log_level: of the node's own lines; empty: as it was started
    :param diagnostics: when something is worth a warning, or an error
    :param http: what is served over HTTP
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
    log_level: str
    diagnostics: DiagnosticsSettings
    http: HttpSettings


def checked_values(given: Mapping[str, object], environment: Mapping[str, str]
                   ) -> dict[str, Value]:
    """
    Return the value of every parameter, by name; each is right by itself.

    :param given: what a person has set, by name; the others have their defaults
    :param environment: gives ROBOT_INSTANCE_ID
    :raises ConfigurationError: a parameter is missing, unknown, of a wrong type or out of range
    """
    _refuse_unknown(given)
    values = {row.name: row.checked(given[row.name]) if row.name in given else row.missing()
              for row in TABLE}
    values['robot_instance_id'] = (values['robot_instance_id']
                                   or environment.get('ROBOT_INSTANCE_ID', ''))
    return values


def settings_of(values: Mapping[str, Any], environment: Mapping[str, str]) -> NodeSettings:
    """
    Return the settings that values of all parameters amount to.

    :param values: as of ``checked_values``
    :param environment: gives ROS_HOME and HOME
    :raises ConfigurationError: if they contradict each other
    """
    known = {field.name for field in fields(BucketSettings)}
    bucket = {row.setting or row.name: values[row.name] for row in TABLE
              if (row.setting or row.name) in known}
    bucket['allowed_extensions'] = tuple(values['allowed_extensions'])
    secret = values['session_token_bearer_file']
    bucket['session_token_bearer_file'] = Path(secret) if secret else None
    state = values['state_directory']
    policy = RetentionPolicy(mode=values['retention'], keep_days=values['keep_days'],
                             min_free_bytes=values['min_free_bytes'],
                             dry_run=values['retention_dry_run'])
    return NodeSettings(
        BucketSettings(**bucket), values['max_concurrent_transfers'],
        values['max_pending_requests'], values['retry_max_delay_s'],
        Path(values['bag_directory']).absolute(),
        state_directory=_absolute(state) if state else default_state_directory(environment),
        watch_directories=tuple(_absolute(d) for d in values['watch_directories'] if d),
        watch_patterns=tuple(p for p in values['watch_patterns'] if p),
        settle_s=values['settle_s'], rescan_period_s=values['rescan_period_s'],
        max_bandwidth_bytes_per_s=values['max_bandwidth'], retention=policy,
        log_level=values['log_level'], diagnostics=DiagnosticsSettings.of(values),
        http=HttpSettings.of(values))


def settings_from(given: Mapping[str, object], environment: Mapping[str, str]) -> NodeSettings:
    """
    Return the settings that a person has set.

    :param given: parameters by name, as a file has them; the others have their defaults
    :param environment: gives ROBOT_INSTANCE_ID, ROS_HOME and HOME
    :raises ConfigurationError: naming the parameter and what it takes
    """
    return settings_of(checked_values(given, environment), environment)


def _refuse_unknown(given: Iterable[str]) -> None:
    names = [row.name for row in TABLE]
    for name in given:
        if name not in names and name not in _OF_ROS and not name.startswith('qos_overrides.'):
            near = difflib.get_close_matches(name, names, n=1)
            raise ConfigurationError(f'there is no parameter {name!r}'
                                     + (f'; is {near[0]!r} meant?' if near else ''))


def _absolute(directory: str) -> Path:
    try:
        return Path(directory).expanduser().absolute()
    except RuntimeError as error:  # no home directory
        raise ConfigurationError(f'{directory!r} cannot be meant: {error}') from None
