"""
What ``/diagnostics`` says of each part of the work, made of what was measured.

Knows nothing of ROS but its levels: a report is turned into a message elsewhere.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
from typing import Optional, Union

from flightlog_bucket.parameters.diagnostics_settings import DiagnosticsSettings, Level, Limits
from flightlog_bucket.results import CredentialStatus
from flightlog_bucket.sizes import size_text
from flightlog_bucket.storage.contact import ContactStatus, Fault
from flightlog_bucket.transfers.disk_space import DiskSpace
from flightlog_bucket.transfers.records import Counts
from flightlog_bucket.transfers.standing import Backlog

Value = Union[str, int, float, bool, None]


@dataclass(frozen=True)
class Report:
    """
    How one part of the work stands.

    :param level: how bad it is
    :param message: what is the matter, and what to do
    :param values: all that is known, by name; None: not known
    """

    level: Level
    message: str
    values: Mapping[str, Value]


@dataclass(frozen=True)
class QueueFacts:
    """
    What the ledger says.

    :param backlog: what is not stored yet; None: it cannot be read
    :param counts: how many logs are in which state; None: it cannot be read
    :param age_s: for how long the oldest has waited; NaN: the clock was wrong
    :param problem: why what is accepted does not survive a restart; empty: it does
    """

    backlog: Optional[Backlog]
    counts: Optional[Counts]
    age_s: float
    problem: str


def credentials(status: CredentialStatus, fault: Optional[Fault], refusal: Optional[Fault],
                limits: Limits, *, url: str) -> Report:
    """
    Tell how the session token stands.

    :param fault: of the session-token service; None: none
    :param refusal: of S3, which does not do what it is asked with the token
    :param limits: of the seconds for which it has failed
    :param url: of the service, without secrets
    """
    values: dict[str, Value] = {
        'state': status.state, 'expires_in_s': _rounded(status.expires_in_s),
        'session_token_url': url, 'error': fault.error if fault else '',
        'refusal': refusal.error if refusal else '',
        'failing_s': _failing_s(fault or refusal)}
    valid_for = f'valid for another {duration(status.expires_in_s or 0.0)}'
    if fault and status.state == 'valid':
        return Report(min(limits.level(fault.failing_s), Level.WARN),
                      f'the session token is {valid_for}, and there has been no other one for'
                      f' {duration(fault.failing_s)}: {fault.error}', values)
    if fault:
        return Report(limits.level(fault.failing_s),
                      f'no session token for {duration(fault.failing_s)}: {fault.error}', values)
    if refusal:
        return Report(limits.level(refusal.failing_s),
                      f'S3 has refused requests with this session token for'
                      f' {duration(refusal.failing_s)}:'
                      f' {refusal.error}', values)
    told = {'valid': f'the session token is {valid_for}',
            'expired': 'the session token has expired; the next request fetches another one'}
    return Report(Level.OK, told.get(status.state, 'no session token yet; it is being fetched'),
                  values)


def endpoint(status: ContactStatus, limits: Limits, *, url: str, bucket: str,
             region: str) -> Report:
    """
    Tell whether S3 answers.

    :param limits: of the seconds for which it has not
    :param url: of the server; empty: AWS
    """
    fault = status.silence
    values: dict[str, Value] = {
        'endpoint_url': url or 'AWS', 'bucket_name': bucket, 'region': region,
        'tried_ago_s': _rounded(status.tried_ago_s),
        'succeeded_ago_s': _rounded(status.succeeded_ago_s),
        'error': fault.error if fault else '', 'failing_s': _failing_s(fault)}
    if fault:
        return Report(limits.level(fault.failing_s),
                      f'no good answer from S3 for {duration(fault.failing_s)}: {fault.error}',
                      values)
    if status.tried_ago_s is None:
        return Report(Level.OK, 'S3 was not asked for anything yet', values)
    return Report(Level.OK, 'S3 answered when it was asked last,'
                            f' {duration(status.tried_ago_s)} ago', values)


def queue(facts: QueueFacts, settings: DiagnosticsSettings, *, is_paused: bool) -> Report:
    """Tell how much waits to be stored."""
    backlog, counts = facts.backlog, facts.counts
    if backlog is None or counts is None:
        return Report(Level.ERROR, facts.problem, {'ledger_problem': facts.problem,
                                                   'paused': is_paused})
    values: dict[str, Value] = {
        'count': backlog.count, 'size_bytes': backlog.size_bytes,
        'oldest_s': None if math.isnan(facts.age_s) else round(facts.age_s),
        'queued': counts.queued, 'uploading': counts.uploading, 'stored': counts.stored,
        'rejected': counts.rejected, 'paused': is_paused, 'ledger_problem': facts.problem}
    if not backlog.count:
        level, message = Level.OK, 'nothing waits' + (', uploads are paused' if is_paused else '')
    else:
        level = max(settings.queue.level(backlog.count),
                    settings.queue_bytes.level(backlog.size_bytes),
                    settings.queue_age_s.level(facts.age_s))
        message = _waiting(backlog, facts.age_s)
        if is_paused:
            level = max(level, Level.WARN)
            message += '; uploads are paused, ~/set_paused lets them go on'
        elif level:
            message += '; ~/list_transfers tells why, and what each waits for'
    if facts.problem:
        level, message = Level.ERROR, f'{facts.problem}; {message}'
    return Report(level, message, values)


def disk(state: DiskSpace, watched: Sequence[DiskSpace], limits: Limits) -> Report:
    """
    Tell how much room is left.

    :param state: of the folder of the ledger
    :param watched: of the watched folders
    :param limits: of the bytes that are left
    """
    level, said = Level.OK, []
    values: dict[str, Value] = {}
    for number, space in enumerate((state, *watched)):
        name = f'watch_directory {number}' if number else 'state_directory'
        values[name] = str(space.directory)
        if space.problem:
            values[f'{name} problem'] = space.problem
            level = max(level, Level.WARN if number else Level.ERROR)
            said.append(f'{space.directory}: {space.problem}; '
                        + ('no log of it is found' if number else 'the ledger is not safe'))
            continue
        values[f'{name} free_bytes'] = space.free_bytes
        values[f'{name} total_bytes'] = space.total_bytes
        its = limits.level(space.free_bytes)
        if its:
            said.append(f'{space.directory} has {size_text(space.free_bytes)} left; make room'
                        ' there, or set retention')
        level = max(level, its)
    least = min((s.free_bytes for s in (state, *watched) if not s.problem), default=0)
    return Report(level, '; '.join(dict.fromkeys(said)) or f'{size_text(least)} are left', values)


def last_error(errors: Sequence[str], age_s: Optional[float], warn_s: float) -> Report:
    """
    Tell what went wrong last.

    :param errors: newest first
    :param age_s: of the newest
    :param warn_s: for so long it is a warning
    """
    values: dict[str, Value] = {f'error {number}': text for number, text in enumerate(errors, 1)}
    values['age_s'] = _rounded(age_s)
    if not errors or age_s is None:
        return Report(Level.OK, 'no error since the node started', values)
    if age_s < warn_s:
        return Report(Level.WARN, errors[0], values)
    return Report(Level.OK, f'none for {duration(age_s)}; the last was {errors[0]}', values)


def stale(last: Optional[Report], age_s: float, what: str) -> Report:
    """
    Tell that something is not known any more.

    :param last: what was known of it; None: nothing was
    :param age_s: for how long it has not been measured
    :param what: that does not answer
    """
    message = f'{what} has not answered for {duration(age_s)}'
    if last is None:
        return Report(Level.STALE, message, {'measured_ago_s': None})
    return Report(Level.STALE, f'{message}; before: {last.message}',
                  {**last.values, 'measured_ago_s': round(age_s)})


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    for unit, name in ((86400.0, 'days'), (3600.0, 'h'), (60.0, 'min')):
        if seconds >= 2 * unit:
            return f'{seconds / unit:.0f} {name}'
    return f'{seconds:.0f} s'


def _waiting(backlog: Backlog, age_s: float) -> str:
    logs = '1 log is' if backlog.count == 1 else f'{backlog.count} logs are'
    age = '' if math.isnan(age_s) else f', the oldest has waited for {duration(age_s)}'
    return f'{logs} not stored yet, {size_text(backlog.size_bytes)}{age}'


def _failing_s(fault: Optional[Fault]) -> Value:
    return round(fault.failing_s, 1) if fault else 0.0


def _rounded(seconds: Optional[float]) -> Value:
    return None if seconds is None else round(seconds, 1)
