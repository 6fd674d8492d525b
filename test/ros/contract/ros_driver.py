"""The services of a node."""
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from flightlog_bucket.srv import Delete, Download, Info, List, Upload
from ros_client import RosClient

from contract.driver import listed, Outcome, without_names

_STORED = ('s3_key', 'file_url', 'file_size', 'content_type', 'already_stored', 'verdict',
           'verdict_reason')
_SETTINGS = ('bucket_name', 'region', 'endpoint_url', 'upload_prefix', 'robot_instance_id',
             'machine_prefix', 'session_token_url', 'max_file_size', 'validation_level',
             'upload_corrupt', 'credential_state', 'credential_error')


class RosDriver:
    """
    Calls a node by ROS 2.

    :param ros: the fixture
    """

    def __init__(self, ros: RosClient) -> None:
        self._ros = ros

    def upload(self, path: Path, custom_filename: str = '', *,
               enqueue_only: bool = False) -> Outcome:
        """Upload a log."""
        answer = self._ros.call(Upload, file_path=str(path), custom_filename=custom_filename,
                                enqueue_only=enqueue_only)
        error = without_names(answer.error, path, custom_filename)
        fields = {} if answer.status == 202 else {
            name: getattr(answer, name) for name in _STORED}
        return _outcome(answer, fields, error)

    def list(self, *, prefix: str = '', max_keys: int = 0,
             continuation_token: str = '') -> Outcome:
        """List the machine's logs."""
        answer = self._ros.call(List, prefix=prefix, max_keys=max_keys,
                                continuation_token=continuation_token)
        files = [{'key': file.key, 'size': file.size, 'url': file.url,
                  'last_modified': _moment(file.last_modified)} for file in answer.files]
        return _outcome(answer, {'files': listed(files), 'next_token': answer.next_token})

    def download(self, s3_key: str, target: Path) -> Outcome:
        """Download a log to a file."""
        answer = self._ros.call(Download, s3_key=s3_key, local_path=str(target), overwrite=True)
        assert answer.local_path == (str(target) if answer.success else '')
        return _outcome(answer, {'file_size': answer.file_size})

    def delete(self, s3_key: str) -> Outcome:
        """Delete a log."""
        return _outcome(self._ros.call(Delete, s3_key=s3_key), {})

    def info(self) -> Outcome:
        """Tell how the node is set."""
        answer = self._ros.call(Info)
        fields = {name: getattr(answer, name) for name in _SETTINGS}
        return _outcome(answer, {**fields, 'allowed_extensions': list(answer.allowed_extensions)})


def _outcome(answer: Any, fields: dict[str, Any], error: str = '') -> Outcome:
    assert answer.success == (answer.status < 300) == (not answer.error)
    return Outcome(answer.status, error or answer.error, fields if answer.success else {})


def _moment(time: Any) -> datetime:
    return datetime.fromtimestamp(time.sec, timezone.utc).replace(
        microsecond=time.nanosec // 1000)
