"""What ``flightlog info --direct`` tells, by the names of the answer of ``~/info``."""
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
import json
import os
from pathlib import Path
from typing import Optional

import flightlog_bucket
from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.cli.words import iso_text
from flightlog_bucket.errors import FlightlogError, LocalFileNotFound
from flightlog_bucket.parameters.node_settings import NodeSettings
from flightlog_bucket.results import DescribedFile, LogContent, NOTHING_KNOWN
from flightlog_bucket.settings import redacted_url
from flightlog_bucket.transfers.file_state import refused_content
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import QUEUED, REJECTED, STORED, Transfer, UNKNOWN

Reading = Callable[[], AbstractContextManager[tuple[Optional[Ledger], str]]]


class Info:
    """
    Asks the bucket and the ledger.

    :param settings: of both
    :param bucket: to ask
    :param state_directory: of the ledger, to be told
    """

    def __init__(self, settings: NodeSettings, bucket: FlightLogBucket,
                 state_directory: str) -> None:
        self._settings = settings
        self._bucket = bucket
        self._state_directory = state_directory

    def all(self, target: str, read: Reading) -> dict[str, object]:
        """
        Return what is known.

        :param target: a local file, or a key; empty: neither
        :param read: gives the ledger; None: nothing was ever uploaded from here, or a reason why
            it cannot be read
        """
        told = {**self._set_to(), **self._connected(), 'state_directory': self._state_directory}
        prefix = self._settings.bucket.machine_prefix
        is_file = not target.startswith(prefix) or os.path.lexists(target)
        with read() as (ledger, problem):
            told.update(_counted(ledger, problem))
            told.update(self._file(target if is_file else '', ledger, problem))
        told.update(self._object('' if is_file else target))
        return told

    def _set_to(self) -> dict[str, object]:
        bucket = self._settings.bucket
        return {
            'version': flightlog_bucket.__version__,
            'bucket_name': bucket.bucket_name, 'region': bucket.region,
            'endpoint_url': redacted_url(bucket.endpoint_url),
            'upload_prefix': bucket.upload_prefix,
            'robot_instance_id': bucket.robot_instance_id,
            'machine_prefix': bucket.machine_prefix,
            'session_token_url': redacted_url(bucket.session_token_url),
            'allowed_extensions': list(bucket.allowed_extensions),
            'max_file_size': bucket.max_file_size_bytes,
            'validation_level': bucket.validation_level,
            'upload_corrupt': bucket.upload_corrupt,
            'paused': False, 'max_bandwidth': self._settings.max_bandwidth_bytes_per_s,
        }

    def _connected(self) -> dict[str, object]:
        with suppress(FlightlogError):  # the status tells it
            self._bucket.fetch_credentials()
        status = self._bucket.credential_status()
        return {'credential_state': status.state, 'credential_error': status.error,
                'credential_expires_in_s': float(status.expires_in_s or 0.0)}

    def _file(self, path: str, ledger: Optional[Ledger], problem: str) -> dict[str, object]:
        if not path:
            return _file_told('')
        real = Path(os.path.realpath(path))
        transfer = ledger.find(real) if ledger is not None else None
        if ledger is None or transfer is None:
            return self._unknown(real, problem)
        content = transfer.content
        if transfer.state == REJECTED:
            content = refused_content(transfer.fault, transfer.reason)
        wait_s = max(transfer.next_attempt_s - ledger.now_s(), 0.0)
        return _file_told(
            transfer.state, transfer, content, ledger.description(transfer),
            next_attempt_in_s=wait_s if transfer.state == QUEUED else 0.0)

    def _unknown(self, path: Path, problem: str) -> dict[str, object]:
        """Tell what an upload would say of a file that was not uploaded from here."""
        if path.is_dir():
            return _file_told(UNKNOWN, reason='is a directory: ask for the files in it')
        try:
            self._bucket.check(path)
        except LocalFileNotFound:
            raise
        except FlightlogError as error:
            return _file_told(UNKNOWN, reason=str(error),
                              content=refused_content(type(error).__name__, str(error)))
        return _file_told(UNKNOWN, reason=problem or 'was not uploaded from here without a node')

    def _object(self, key: str) -> dict[str, object]:
        if not key:
            return {'object': {}, 'object_verdict_reason': '', 'object_description': {}}
        found = self._bucket.describe(key)
        return {'object': _entry(found), 'object_verdict_reason': found.content.reason,
                'object_description': _parsed(found.content.description)}


def _counted(ledger: Optional[Ledger], problem: str) -> dict[str, object]:
    if ledger is None:
        count = None if problem else 0
        return {'queued': count, 'uploading': count, 'stored': count, 'rejected': count,
                'orphans': [], 'ledger_problem': problem, 'last_errors': []}
    counts = ledger.counts()
    return {'queued': counts.queued, 'uploading': counts.uploading, 'stored': counts.stored,
            'rejected': counts.rejected, 'ledger_problem': ledger.problem, 'last_errors': [],
            'orphans': [f'{o.upload_id} of {o.key}: {o.problem or o.reason}'
                        for o in ledger.orphanage.all()]}


def _file_told(state: str, transfer: Optional[Transfer] = None,
               content: LogContent = NOTHING_KNOWN, description: str = '', *, reason: str = '',
               next_attempt_in_s: float = 0.0) -> dict[str, object]:
    return {
        'file_state': state,
        'file_key': transfer.key if transfer and transfer.state == STORED else '',
        'file_reason': transfer.reason if transfer else reason,
        'file_note': transfer.note if transfer else '',
        'file_attempts': transfer.attempts if transfer else 0,
        'file_next_attempt_in_s': next_attempt_in_s,
        'file_verdict': content.verdict, 'file_verdict_reason': content.reason,
        'file_description': _parsed(description),
    }


def _entry(found: DescribedFile) -> dict[str, object]:
    file, content = found.file, found.content
    return {
        'key': file.key, 'size': file.size, 'last_modified': iso_text(file.last_modified),
        'url': file.url, 'format': content.format, 'verdict': content.verdict,
        'start': iso_text(content.start),
        'duration_s': content.duration_s, 'message_count': content.message_count,
    }


def _parsed(description: str) -> object:
    try:
        return json.loads(description or '{}')
    except ValueError:
        return {}
