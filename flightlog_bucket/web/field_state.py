"""How the robot stands, in one answer."""
from collections.abc import Callable, Mapping
import re
import time
from typing import Any, Optional

import flightlog_bucket
from flightlog_bucket.operations.health_reports import Report, Value
from flightlog_bucket.operations.texts import explanation, printable, text
from flightlog_bucket.parameters.diagnostics_settings import Level
from flightlog_bucket.web.field_words import explanations, Json, moment, seconds, succeeded
from flightlog_bucket.web.robot import Robot

UP, DOWN, UNKNOWN = 'up', 'down', 'unknown'
"""Whether anything gets from here to S3."""

_LEVELS = {Level.OK: 'ok', Level.WARN: 'warn', Level.ERROR: 'error', Level.STALE: 'stale'}
_COUNTS = ('queued', 'uploading', 'stored', 'rejected')
_DISK = {'free_bytes': 'state_directory free_bytes', 'total_bytes': 'state_directory total_bytes'}
# Of a disk, less is no news.
_DISK_STEP_BYTES = 10_000_000
_NUMBER = re.compile(r'\d+(\.\d+)?')


def robot_state(robot: Robot, *, wall_clock: Callable[[], float] = time.time) -> Json:
    """
    Return how the robot stands; waits for no disk and no network.

    :param robot: whose state it is
    :param wall_clock: seconds since 1970
    """
    reports, settings = robot.health.reports(), robot.settings.bucket
    movement = robot.uploads.movement()
    backlog = _known(reports['Queue'].values, {'count': 'count', 'bytes': 'size_bytes'})
    return succeeded({
        'machine': text(settings.robot_instance_id), 'version': flightlog_bucket.__version__,
        'time': moment(wall_clock()), 'paused': robot.uploads.is_paused,
        'max_bandwidth': robot.uploads.max_bandwidth_bytes_per_s,
        'counts': _known(reports['Queue'].values, {name: name for name in _COUNTS}),
        'backlog': backlog, 'rate': round(float(movement.rate), 1),
        'remaining_s': _remaining_s(backlog, movement.moved_bytes, movement.rate),
        'health': [_health(name, report) for name, report in reports.items()],
        'disk': _known(reports['Disk'].values, _DISK), 'link': _link(robot, reports),
        'last_errors': explanations(robot.uploads.last_errors()),
        'accepts': {'extensions': list(settings.allowed_extensions),
                    'max_file_size': settings.max_file_size_bytes}})


def news_of(state: Json) -> object:
    """Return what differs between two states where a person wants to be told of it."""
    disk = state['disk']
    return (
        {name: value for name, value in state.items() if name not in ('time', 'health', 'disk',
                                                                      'link')},
        [(health['name'], health['level'], _NUMBER.sub('', health['message']))
         for health in state['health']],
        disk and disk['free_bytes'] // _DISK_STEP_BYTES,
        state['link']['state'], _NUMBER.sub('', state['link']['message']))


def link_fault(robot: Robot) -> tuple[str, str]:
    """Return why nothing gets from here to S3, after who knows it; empty: it does."""
    silence, token = robot.bucket.contact.status().silence, robot.bucket.credential_status()
    if silence is None and token.error and token.state != 'valid':
        return 'Credentials', token.error
    return 'Endpoint', silence.error if silence else ''


def _known(values: Mapping[str, Value], names: Mapping[str, str]) -> Optional[Json]:
    """Return some of the values under other names; None: they are not known."""
    found = {name: values.get(other) for name, other in names.items()}
    return None if None in found.values() else found


def _remaining_s(backlog: Optional[Json], moved_bytes: int, rate: float) -> Optional[float]:
    if backlog is None or rate <= 0:
        return None
    return seconds(max(backlog['bytes'] - moved_bytes, 0) / rate)


def _health(name: str, report: Report) -> Json:
    values: dict[str, Any] = {
        key: explanation(printable(value)) if isinstance(value, str) else value
        for key, value in report.values.items()}
    return {'name': name, 'level': _LEVELS[report.level],
            'message': explanation(printable(report.message)), 'values': values}


def _link(robot: Robot, reports: Mapping[str, Report]) -> Json:
    name, problem = link_fault(robot)
    state = DOWN if problem else UP
    if not problem and robot.bucket.contact.status().tried_ago_s is None:
        state = UNKNOWN
    return {'state': state, 'message': explanation(printable(reports[name].message))}
