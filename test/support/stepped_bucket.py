"""A bucket in memory whose requests are made one by one, each with the fault that a test wants."""
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future
from enum import Enum
from functools import partial
import itertools
import os
from pathlib import Path
import threading
from typing import Any, Optional
import zlib

from flightlog_bucket.errors import (
    FlightlogError,
    LocalFileError,
    ObjectExists,
    Unavailable,
    UploadNotFound,
)
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.journal import Journal, Part, Progress
from flightlog_bucket.storage.local_file import Fingerprint, LocalFile

PART_BYTES = 8

Request = Callable[[], Any]
Steps = Generator[Request, Any, Any]


class Fault(Enum):
    """What happens to one request."""

    NONE = 'it is answered'
    UNREACHABLE = 'it does not arrive'
    ANSWER_LOST = 'it does its work, and the answer is lost'


class SteppedBucket:
    """
    Uploads as ``FlightLogBucket`` does: the next free key, in parts, the final write conditional.

    ``upload`` is a generator that yields each request; ``SteppedPool`` makes them.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.fault: Optional[FlightlogError] = None
        self._numbers = itertools.count(1)

    def holds(self, path: Path, key: str) -> Optional[Fingerprint]:
        """Compare an object with a file, as ``FlightLogBucket.holds`` does."""
        if self.fault is not None:
            raise self.fault
        with LocalFile(path, threading.Event()) as file:
            is_same = self.objects.get(key) == file.read_at(0, file.size)
            return file.fingerprint if is_same else None

    def upload(self, file_path: Path, *, custom_filename: str, folder: str, is_closed: bool,
               journal: Journal, on_sent: Callable[[int], None],
               cancel: threading.Event) -> Steps:
        """Store one log."""
        with LocalFile(file_path, cancel) as file:
            progress = journal.begin(file.fingerprint)
            for key in _keys(progress, custom_filename or file_path.name):
                own = progress if progress is not None and progress.key == key else None
                there = yield partial(self.objects.get, key)
                if there is None:
                    try:
                        yield from self._write(file, key, journal, own, on_sent)
                        return _stored(key, file, already=False)
                    except ObjectExists:
                        there = yield partial(self.objects.get, key)
                elif own is not None:
                    self._abort(own.upload_id)
                    journal.forgotten('the key is taken', is_gone=True)
                if there == file.read_at(0, file.size):
                    return _stored(key, file, already=True)
        raise AssertionError('there is always a free key')

    def _write(self, file: LocalFile, key: str, journal: Journal, own: Optional[Progress],
               on_sent: Callable[[int], None]) -> Steps:
        if own is None and file.size <= PART_BYTES:
            content = file.read_at(0, file.size)
            file.check_unchanged()
            file.check_not_cancelled()
            yield partial(self._put, key, content)
            return
        for _ in range(2):
            try:
                yield from self._write_parts(file, key, journal, own, on_sent)
            except UploadNotFound:
                journal.forgotten('S3 does not know it', is_gone=True)
                there = yield partial(self.objects.get, key)
                if there == file.read_at(0, file.size):
                    return
            else:
                return
            own = None
        raise AssertionError('a new upload is not known')

    def _write_parts(self, file: LocalFile, key: str, journal: Journal, own: Optional[Progress],
                     on_sent: Callable[[int], None]) -> Steps:
        upload_id = own.upload_id if own else (yield self._create)
        if own is None:
            journal.began(key, upload_id, PART_BYTES)
        try:
            earlier = {part.number: part for part in own.parts} if own else {}
            count = -(-file.size // PART_BYTES)
            for number in range(1, count + 1):
                content = file.read_at((number - 1) * PART_BYTES, PART_BYTES)
                part = Part(number, len(content), zlib.crc32(content), f'"{number}"')
                if earlier.get(number) == part:
                    continue
                file.check_unchanged()
                file.check_not_cancelled()
                yield partial(self._put_part, upload_id, number, content)
                journal.acknowledged(part)
                on_sent(len(content))
            file.check_unchanged()
            yield partial(self._complete, key, upload_id, count)
        except LocalFileError as error:
            self._abort(upload_id)
            journal.forgotten(str(error), is_gone=True)
            raise
        except ObjectExists:
            self._abort(upload_id)
            journal.forgotten('the key is taken', is_gone=True)
            raise
        journal.forgotten('it was completed', is_gone=True)

    def _put(self, key: str, content: bytes) -> None:
        if key in self.objects:
            raise ObjectExists(key)
        self.objects[key] = content

    def _create(self) -> str:
        upload_id = f'upload-{next(self._numbers)}'
        self.uploads[upload_id] = {}
        return upload_id

    def _put_part(self, upload_id: str, number: int, content: bytes) -> None:
        if upload_id not in self.uploads:
            raise UploadNotFound(upload_id)
        self.uploads[upload_id][number] = content

    def _complete(self, key: str, upload_id: str, count: int) -> None:
        if upload_id not in self.uploads:
            raise UploadNotFound(upload_id)
        parts = self.uploads[upload_id]
        self._put(key, b''.join(parts[number] for number in range(1, count + 1)))
        del self.uploads[upload_id]

    def _abort(self, upload_id: str) -> None:
        self.uploads.pop(upload_id, None)


class _Running:
    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.future: Future[Any] = Future()
        self.request: Optional[Request] = None


class SteppedPool(Executor):
    """Runs generators, one request at a time, in the thread of who asks for that."""

    def __init__(self) -> None:
        self.running: list[_Running] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> 'Future[Any]':
        """Take a generator function on; nothing of it runs yet."""
        run = _Running(fn(*args, **kwargs))
        run.future.set_running_or_notify_cancel()
        self.running.append(run)
        return run.future

    def advance(self, index: int, fault: Fault) -> None:
        """Make the next request of one of those that run, up to the one after it."""
        run = self.running[index % len(self.running)]
        try:
            run.request = self._next(run, fault)
        except StopIteration as end:
            self.running.remove(run)
            run.future.set_result(end.value)
        except FlightlogError as error:
            self.running.remove(run)
            run.future.set_exception(error)

    def drop_all(self) -> list[Request]:
        """End as a process ends; return the requests that are on their way."""
        on_their_way = [run.request for run in self.running if run.request is not None]
        for run in self.running:
            run.steps.close()
        self.running.clear()
        return on_their_way

    def _next(self, run: _Running, fault: Fault) -> Request:
        if run.request is None:
            return next(run.steps)
        try:
            if fault is Fault.UNREACHABLE:
                raise Unavailable('nobody there')
            answer = run.request()
            if fault is Fault.ANSWER_LOST:
                raise Unavailable('the answer is lost')
        except FlightlogError as error:
            return run.steps.throw(error)
        return run.steps.send(answer)


def _keys(progress: Optional[Progress], name: str) -> Iterator[str]:
    if progress is not None:
        yield progress.key
    stem, extension = os.path.splitext(name)
    for number in itertools.count(1):
        key = name if number == 1 else f'{stem}_{number}{extension}'
        if progress is None or key != progress.key:
            yield key


def _stored(key: str, file: LocalFile, *, already: bool) -> StoredLog:
    return StoredLog(s3_key=key, file_url=f'http://bucket/{key}', file_size=file.size,
                     content_type='application/x-ulog', already_stored=already,
                     crc32=file.crc32(), etag='1')
