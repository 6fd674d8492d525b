"""The steps of the demonstration, each with what it must give."""
import filecmp
from pathlib import Path
import time
from typing import Any

from flightlog_bucket.demo.client import NODE, NodeClient
from flightlog_bucket.demo.command_line import CommandLine
from flightlog_bucket.demo.narrator import Narrator
from flightlog_bucket.sandbox import typed
from flightlog_bucket.storage.keys import safe_filename

_CALL_TIMEOUT_S = 60.0
# Far slower than any loopback; it only bounds the wait for a large log.
_SLOWEST_BYTES_PER_S = 2e6
_STORED_BY_TOPIC_TIMEOUT_S = 30.0
_POLL_S = 0.1
_ANOTHER_MACHINES_KEY = 'flight_logs/drone-0011/20250727_143022_mission_log.ulg'


class StepFailed(Exception):
    """A step did not give what it must: its name, and what it gave."""


class Story:
    """
    Tells the main job on some logs.

    :param client: of the node
    :param command_line: in the folder of the logs
    :param narrator: prints it
    :param logs: local flight logs
    :param downloads: an empty directory
    """

    def __init__(self, client: NodeClient, command_line: CommandLine, narrator: Narrator,
                 logs: list[Path], downloads: Path) -> None:
        self._client = client
        self._command_line = command_line
        self._narrator = narrator
        self._logs = logs
        self._downloads = downloads
        self._timeout_s = _CALL_TIMEOUT_S + max(
            log.stat().st_size for log in logs) / _SLOWEST_BYTES_PER_S

    def tell(self) -> None:
        """
        Do every step.

        :raises StepFailed: one did not give what it must
        """
        keys = self._upload()
        self._list(keys)
        self._info(len(keys))
        for log, key in zip(self._logs, keys, strict=True):
            self._download(log, key)
        self._upload_again(self._logs[0], keys[0])
        self._another_machines_log()
        self._delete(keys)
        self._list([])
        self._upload_by_topic(min(self._logs, key=lambda log: log.stat().st_size))

    def _upload(self) -> list[str]:
        """Upload all logs side by side; return their keys."""
        code = self._command_line.run('upload', *(f'./{log.name}' for log in self._logs))
        answer = self._client.call('list', {}, self._timeout_s)
        found = {(file.key.rpartition('/')[2], file.size): file.key for file in answer.files}
        keys = []
        for log in self._logs:
            end, size = f'_{safe_filename(log.name)}', log.stat().st_size
            keys += [key for (name, stored), key in found.items()
                     if name.endswith(end) and stored == size][:1]
            if len(keys) <= self._logs.index(log) or code:
                raise StepFailed(f'{log.name} is stored: "flightlog upload" ended with {code}')
            self._narrator.passed(f'{log.name} is stored')
        return keys

    def _list(self, expected: list[str]) -> None:
        answer = self._call('list', {})
        for file in answer.files:
            self._narrator.answer(f'{file.key}  {file.size:,} bytes')
        self._check(sorted(f.key for f in answer.files) == sorted(expected),
                    'every log is listed' if expected else 'the list is empty: they are gone',
                    answer)

    def _info(self, stored: int) -> None:
        answer = self._call('info', {})
        self._narrator.answer(
            f'{answer.machine_prefix} in {answer.bucket_name}, session token '
            f'{answer.credential_state} for {answer.credential_expires_in_s:.0f} s, '
            f'{answer.stored} stored, {answer.queued} queued')
        self._check(answer.credential_state == 'valid' and answer.stored == stored
                    and answer.rejected == 0, 'the node says how it stands', answer)

    def _download(self, log: Path, key: str) -> None:
        target = self._downloads / log.name
        answer = self._call('download', {'s3_key': key, 'local_path': str(target)})
        self._check(answer.success and answer.local_path == str(target)
                    and filecmp.cmp(log, target, shallow=False),
                    f'{log.name} came back, byte for byte the same', answer)

    def _upload_again(self, log: Path, key: str) -> None:
        answer = self._call('upload', {'file_path': str(log)})
        self._narrator.answer(f'{answer.s3_key}  already_stored={answer.already_stored}')
        self._check(answer.already_stored and answer.s3_key == key,
                    'the same log is not sent twice', answer)

    def _another_machines_log(self) -> None:
        answer = self._call('download', {'s3_key': _ANOTHER_MACHINES_KEY,
                                         'local_path': str(self._downloads / 'other.ulg')})
        self._narrator.answer(f'status={answer.status}  {answer.error}')
        self._check(answer.status == 403 and not answer.success
                    and not (self._downloads / 'other.ulg').exists(),
                    "another machine's log is refused", answer)

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            answer = self._call('delete', {'s3_key': key})
            self._check(answer.status == 200, 'deleted', answer)

    def _upload_by_topic(self, log: Path) -> None:
        self._narrator.typed(typed.bag_closed(str(log)))
        self._client.publish_bag_closed(str(log))
        deadline = time.monotonic() + _STORED_BY_TOPIC_TIMEOUT_S + self._timeout_s
        answer = self._client.call('list', {}, self._timeout_s)
        while answer.success and not answer.files and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            answer = self._client.call('list', {}, self._timeout_s)
        for file in answer.files:
            self._narrator.answer(f'{file.key}  {file.size:,} bytes')
        self._check([f.size for f in answer.files] == [log.stat().st_size],
                    'a log whose recorder says "closed" is stored by itself', answer)

    def _call(self, service: str, request: dict[str, str]) -> Any:
        self._narrator.typed(
            typed.service_call(f'{NODE}/{service}', service.capitalize(), request))
        return self._client.call(service, request, self._timeout_s)

    def _check(self, is_right: bool, what: str, answer: Any) -> None:
        if not is_right:
            raise StepFailed(f'{what}: {describe(answer)}')
        self._narrator.passed(what)


def describe(answer: Any) -> str:
    """Return every field of a message that says something."""
    values = {name: getattr(answer, name) for name in answer.get_fields_and_field_types()}
    return ', '.join(f'{name}={value}' for name, value in values.items()
                     if value not in ('', [], 0))
