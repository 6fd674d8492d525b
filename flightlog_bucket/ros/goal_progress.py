"""How far the goals of ~/upload_log are."""
from collections.abc import Sequence
import threading
from typing import Optional

from flightlog_bucket.action import UploadLog
from flightlog_bucket.operations.texts import explanation
from flightlog_bucket.ros.transfer_messages import seconds_or_unknown
from flightlog_bucket.transfers.records import QUEUED, UPLOADING
from flightlog_bucket.transfers.standing import Standing


class Progress:
    """
    How far one goal is: its files together, never less than before. Thread-safe.

    ``sent_bytes`` stays where it is while what went out goes out again: after a broken
    connection, or of a file that was rewritten on its way. Where such a file becomes smaller than
    what was told as sent, ``total_bytes`` becomes that and no less: the goal then shows all of it
    as sent until the new content is there as well. ``remaining_s`` counts what really is to be
    sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standings: dict[int, Standing] = {}
        self._sent_bytes = 0

    def note(self, standing: Standing) -> None:
        """Note how one of its files stands."""
        with self._lock:
            self._standings[standing.id] = standing

    def feedback(self, ids: Sequence[int], now_s: float) -> Optional[UploadLog.Feedback]:
        """
        Return what is to be told of it; None: not all of its files are known yet.

        :param ids: of its files
        :param now_s: seconds since 1970
        """
        with self._lock:
            files = [self._standings[number] for number in ids if number in self._standings]
            if len(files) < len(ids) or not files:
                return None
            sent, total = self._counted(files)
        told = UploadLog.Feedback(
            state=UPLOADING, sent_bytes=sent, total_bytes=total,
            rate=float(sum(file.rate for file in files)),
            attempts=max(file.attempts for file in files))
        told.remaining_s = seconds_or_unknown(_remaining_s(files))
        waiting = [file for file in files if file.state == QUEUED]
        if waiting and not any(file.state == UPLOADING for file in files):
            told.state = QUEUED
            told.reason = explanation(
                next((file.reason for file in waiting if file.reason), ''))
            told.next_attempt_in_s = max(
                min(file.next_attempt_s for file in waiting) - now_s, 0.0)
        return told

    def ended(self, total_bytes: int) -> UploadLog.Feedback:
        """
        Return what is told of one that is stored: that all of it is sent.

        :param total_bytes: of its files
        """
        with self._lock:
            attempts = max((file.attempts for file in self._standings.values()), default=1)
            total_bytes = self._sent_bytes = max(self._sent_bytes, total_bytes)
        return UploadLog.Feedback(state=UPLOADING, sent_bytes=total_bytes,
                                  total_bytes=total_bytes, attempts=max(attempts, 1))

    def _counted(self, files: Sequence[Standing]) -> tuple[int, int]:
        total = sum(file.total_bytes for file in files)
        sent = min(sum(file.sent_bytes for file in files), total)
        self._sent_bytes = max(self._sent_bytes, sent)
        return self._sent_bytes, max(total, self._sent_bytes)


def _remaining_s(files: Sequence[Standing]) -> Optional[float]:
    if len(files) == 1:
        return files[0].remaining_s
    rate = sum(file.rate for file in files)
    to_send = sum(max(file.total_bytes - file.sent_bytes, 0) for file in files)
    return to_send / rate if rate > 0 else None
