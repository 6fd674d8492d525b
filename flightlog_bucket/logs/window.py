"""Records that lie close together, read from the disk at once."""
from flightlog_bucket.logs.reader import JUMP_BYTES, LogReader


class Window:
    """
    A log's bytes, read in blocks as large as any jump costs, of which the latest is kept.

    :param log: reads it
    """

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._start = 0
        self._block = b''

    @property
    def size(self) -> int:
        """Bytes of the log."""
        return self._log.size

    def read(self, offset: int, length: int) -> bytes:
        """
        Return exactly ``length`` bytes from ``offset``.

        :raises EndOfLog: if the log does not hold them
        :raises TooMuch: if the budget does not allow it
        """
        begin = offset - self._start
        if begin < 0 or begin + length > len(self._block):
            block_bytes = min(JUMP_BYTES, self._log.size - offset)
            self._block = self._log.read_at(offset, max(length, block_bytes))
            self._start, begin = offset, 0
        return self._block[begin:begin + length]
