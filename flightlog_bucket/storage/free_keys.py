"""Finds the key that a log gets, and stores it there: no log is written over, none twice."""
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from flightlog_bucket.errors import ObjectExists, StorageError
from flightlog_bucket.storage.file_part import OnSent
from flightlog_bucket.storage.journal import Journal, Progress
from flightlog_bucket.storage.key_locks import KeyLocks
from flightlog_bucket.storage.local_file import LocalFile
from flightlog_bucket.storage.objects import ObjectHead
from flightlog_bucket.storage.uploader import Uploader

# One may have been damaged on the way; a server that damages every one must not be filled.
_MAX_UNPROVED = 2


@dataclass(frozen=True)
class Placed:
    """
    Where a log is, proved by S3.

    :param key: of the object
    :param crc32: of the content
    :param etag: of the object, without its quotes
    :param already: it was there before
    """

    key: str
    crc32: int
    etag: str
    already: bool


class FreeKeys:
    """
    Stores logs under the first of their keys that is free.

    :param uploader: of the bucket
    :param machine_prefix: the machine's folder, with its final slash
    :param wait_s: seconds for another upload to the same key to end
    """

    def __init__(self, uploader: Uploader, machine_prefix: str, *, wait_s: float) -> None:
        self._uploader = uploader
        self._machine_prefix = machine_prefix
        self._wait_s = wait_s
        self._locks = KeyLocks()

    def store(self, file: LocalFile, candidates: Sequence[str], attributes: dict[str, Any],
              journal: Journal, on_sent: Optional[OnSent]) -> Placed:
        """
        Store a log, unless the same content is there already.

        :param file: stays open until the call returns
        :param candidates: its keys, in the order in which they are tried
        :param attributes: boto3 parameters of the object
        :param journal: of this file; the key of an earlier try is the first
        :param on_sent: is told of the bytes that go to the network
        :raises StorageError: if all keys are taken
        """
        progress = self._earlier(journal, file, candidates)
        unproved = tried = 0
        for key in _first(progress, candidates):
            tried += 1
            own = progress if progress is not None and progress.key == key else None
            # Not every server refuses to write over an object, so that this process itself must
            # never send two logs to one key at the same time.
            with self._locks.hold(key, self._wait_s):
                placed = self._place(key, file, attributes, journal, own, on_sent)
                if placed is not None:
                    return placed
                unproved += self._uploader.is_unproved(key, file)
            if unproved >= _MAX_UNPROVED:
                raise StorageError(f'{unproved} copies of {file.path} in the bucket, the last'
                                   f' {key!r}, are not what was sent; check the S3 server,'
                                   ' then delete them')
        raise StorageError(f'the first {tried} keys for {file.path} are taken by other logs; give'
                           ' a custom_filename')

    def held(self, file: LocalFile, key: str) -> Optional[Placed]:
        """
        Tell where a log is that was stored earlier; None: it is not there, or another is.

        :param file: open
        :param key: under which it was stored; empty: it was not
        """
        if not key.startswith(self._machine_prefix):
            return None
        head = self._uploader.find(key)
        return _already(key, head, file) if self._uploader.holds(key, head, file) else None

    def _earlier(self, journal: Journal, file: LocalFile,
                 candidates: Sequence[str]) -> Optional[Progress]:
        progress = journal.begin(file.fingerprint)
        if progress is None or progress.key in candidates:
            return progress
        reason = ('the log gets another key now'
                  if progress.key.startswith(self._machine_prefix)
                  else 'the machine has another folder now')
        self._uploader.give_up(progress.key, progress.upload_id, journal, reason)
        return None

    def _place(self, key: str, file: LocalFile, attributes: dict[str, Any], journal: Journal,
               own: Optional[Progress], on_sent: Optional[OnSent]) -> Optional[Placed]:
        """Store under this key; None if another log has it."""
        head = self._uploader.find(key)
        if head is not None:
            is_same = self._uploader.holds(key, head, file)
            if own is not None:
                self._uploader.leave(own, head, journal)
        else:
            try:
                sent = self._uploader.upload(file, key, attributes, journal=journal,
                                             progress=own, on_sent=on_sent)
                return Placed(key, sent.crc32, sent.etag, already=False)
            except ObjectExists:  # somebody was faster
                head = self._uploader.find(key)
                is_same = self._uploader.holds(key, head, file)
        return _already(key, head, file) if is_same else None


def _first(progress: Optional[Progress], candidates: Sequence[str]) -> Iterator[str]:
    if progress is not None:
        yield progress.key
    for key in candidates:
        if progress is None or key != progress.key:
            yield key


def _already(key: str, head: Optional[ObjectHead], file: LocalFile) -> Placed:
    return Placed(key, file.crc32(), head.etag if head else '', already=True)
