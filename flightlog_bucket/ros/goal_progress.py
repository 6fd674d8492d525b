"""How far the goals of ~/upload_log are."""
from collections.abc import Sequence
from typing import Optional

from flightlog_bucket.action import UploadLog
from flightlog_bucket.ros.conversions import text
from flightlog_bucket.ros.transfer_messages import seconds_or_unknown
from flightlog_bucket.transfers.records import QUEUED, UPLOADING
from flightlog_bucket.transfers.standing import Standing


class Progress:
    """How far one goal is: its files together, never less than before."""

    def __init__(self) -> None:
        self._standings: dict[int, Standing] = {}
        self._sent_bytes = 0

    def note(self, standing: Standing) -> None:
        """Note how one of its files stands."""
        self._standings[standing.id] = standing

    def feedback(self, ids: Sequence[int], now_s: float) -> Optional[UploadLog.Feedback]:
        """
        Return what is to be told of it; None: not all of its files are known yet.

        :param ids: of its files
        :param now_s: seconds since 1970
        """
        files = [self._standings[number] for number in ids if number in self._standings]
        if len(files) < len(ids) or not files:
            return None
        total = sum(file.total_bytes for file in files)
        sent = sum(file.sent_bytes for file in files)
        self._sent_bytes = min(max(self._sent_bytes, sent), total)
        told = UploadLog.Feedback(
            state=UPLOADING, sent_bytes=self._sent_bytes, total_bytes=total,
            rate=float(sum(file.rate for file in files)),
            attempts=max(file.attempts for file in files))
        told.remaining_s = seconds_or_unknown(self._remaining_s(files, told))
        waiting = [file for file in files if file.state == QUEUED]
        if waiting and not any(file.state == UPLOADING for file in files):
            told.state = QUEUED
            told.reason = text(next((file.reason for file in waiting if file.reason), ''))
            told.next_attempt_in_s = max(
                min(file.next_attempt_s for file in waiting) - now_s, 0.0)
        return told

    def ended(self, total_bytes: int) -> UploadLog.Feedback:
        """Return what is told of one that is stored, all of it."""
        attempts = max((file.attempts for file in self._standings.values()), default=1)
        return UploadLog.Feedback(state=UPLOADING, sent_bytes=total_bytes,
                                  total_bytes=total_bytes, attempts=max(attempts, 1))

    def _remaining_s(self, files: Sequence[Standing],
                     told: UploadLog.Feedback) -> Optional[float]:
        if len(files) == 1:
            return files[0].remaining_s
        return (told.total_bytes - told.sent_bytes) / told.rate if told.rate > 0 else None
