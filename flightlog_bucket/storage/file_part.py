"""One part of a local log as the body of a request, and how it gets onto the wire."""
from collections.abc import Callable
import errno
import os
import select
import socket
import ssl
import time
from typing import Any, Optional

from flightlog_bucket.errors import LocalFileChanged
from flightlog_bucket.storage.local_file import LocalFile
from flightlog_bucket.storage.throttle import Throttle

OnSent = Callable[[int], None]
"""
Is told how many bytes of a log have just been handed to the network.

The first number is of what is up already: 0, but where an upload is gone on with. A negative one
takes back what was sent for nothing. So their sum is what went out, or is there.
"""

BLOCK_BYTES = 128 * 1024
_PLAIN_BLOCK_BYTES = 1024 * 1024
_LOOK_MS = 100

# A file system that cannot hand its pages to a socket.
_NO_SENDFILE = frozenset((errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW))


def nobody(count: int) -> None:
    """Be told in vain."""


class FilePart:
    """
    One part of a file as the body of a request.

    botocore reads it to sign it; the connection then sends it with ``send()``. The file is
    checked for changes before the last bytes are handed out, so that a request with bytes of a
    changed file is never completed. ``was_sent`` tells whether all of it has gone out once.

    :param file: open for as long as the part is in use
    :param offset: bytes
    :param length: bytes
    :param throttle: of all uploads
    :param on_sent: is told of the bytes that go to the network, not of those that are signed
    """

    def __init__(self, file: LocalFile, offset: int, length: int,
                 throttle: Optional[Throttle] = None, on_sent: Optional[OnSent] = None) -> None:
        self._file = file
        self._offset = offset
        self._length = length
        self._position = 0
        self._told = 0
        self._on_sent = on_sent or nobody
        self.was_sent = not length
        self.throttle = throttle or Throttle()

    def __len__(self) -> int:
        return self._length

    def read(self, size: Optional[int] = -1) -> bytes:
        """
        Return up to ``size`` bytes, not more than a block; negative or None: the rest.

        :raises LocalFileChanged: if the file is not as it was when it was opened
        """
        rest = self._length - self._position
        # A block stays in the processor's cache until it is hashed.
        wanted = rest if size is None or size < 0 else min(size, rest, BLOCK_BYTES)
        if not wanted:
            return b''
        self._check_before(wanted)
        data = self._file.read_at(self._offset + self._position, wanted)
        if len(data) < wanted:
            raise self._too_short()
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position within the part; return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = min(max(base + offset, 0), self._length)
        if self._position < self._told:  # it is sent again
            self._on_sent(self._position - self._told)
            self._told = self._position
        return self._position

    def tell(self) -> int:
        """Return the position within the part."""
        return self._position

    def send(self, sock: Any) -> None:
        """
        Send what is behind the position, as fast as the throttle allows.

        :param sock: connected; its timeout is that of each step without progress
        :raises Paused: if uploads are paused meanwhile
        :raises Cancelled: if the transfer was cancelled
        :raises TimeoutError: if the network takes nothing for so long
        """
        if not isinstance(sock, socket.socket):
            self._send_blocking(sock)
            return
        timeout_s = sock.gettimeout()
        # Only then a thread that waits for a slow network can look up from time to time.
        sock.settimeout(0)
        try:
            _Sending(self, sock, timeout_s).run()
        finally:
            sock.settimeout(timeout_s)

    def take(self, most: int) -> int:
        """Wait until bytes may go out; return how many, 0 at the end."""
        rest = min(self._length - self._position, most)
        if not rest:
            return 0
        allowed = self.throttle.take(rest, self.check)
        self._check_before(allowed)
        return allowed

    def check(self) -> None:
        """Raise if the part is not to be sent any more."""
        self._file.check_not_cancelled()
        self.throttle.check_not_paused()

    def push(self, fd: int, count: int) -> int:
        """Let the system send bytes straight from the file; return how many it took."""
        try:
            sent = os.sendfile(fd, self._file.fileno(), self._offset + self._position, count)
        except OSError as error:
            if error.errno == errno.EIO:
                raise self._file.unreadable(self._offset + self._position, error) from error
            raise
        if not sent:
            raise self._too_short()
        return sent

    def fill(self, buffer: memoryview) -> None:
        """Read the next bytes into a buffer, to its end; the position stays."""
        if self._file.read_into(self._offset + self._position, buffer) < len(buffer):
            raise self._too_short()

    def advance(self, count: int) -> None:
        """Note that bytes have been sent."""
        self._position += count
        self._told += count
        self.was_sent = self.was_sent or self._position >= self._length
        self._on_sent(count)

    def take_back(self) -> None:
        """Note that what was sent of it was for nothing."""
        self.seek(0)

    def _send_blocking(self, sock: Any) -> None:
        """Send over what only behaves like a socket: TLS to S3 within TLS to a proxy."""
        while count := self.take(BLOCK_BYTES):
            data = self._file.read_at(self._offset + self._position, count)
            if len(data) < count:
                raise self._too_short()
            sock.sendall(data)
            self.advance(count)

    def _check_before(self, count: int) -> None:
        if count == self._length - self._position:
            self._file.check_unchanged()

    def _too_short(self) -> LocalFileChanged:
        self._file.check_unchanged()
        return LocalFileChanged(f'{self._file.shown} ends before its size says')


class _Sending:
    """The sending of one part over one socket, which does not block."""

    def __init__(self, part: FilePart, sock: Any, timeout_s: Optional[float]) -> None:
        self._part = part
        self._sock = sock
        self._timeout_s = timeout_s
        self._poll = select.poll()
        self._poll.register(sock, select.POLLOUT)

    def run(self) -> None:
        if type(self._sock) is not socket.socket or not self._run_plain():
            self._run_copying()

    def _run_plain(self) -> bool:
        """Send without copying; return whether the file system can do that."""
        fd, throttle = self._sock.fileno(), self._part.throttle
        limit = throttle.max_bytes_per_s
        while left := self._part.take(_PLAIN_BLOCK_BYTES):
            # A slow network takes long for a block: a new limit counts at once.
            while left and throttle.max_bytes_per_s == limit:
                try:
                    sent = self._part.push(fd, left)
                except BlockingIOError:
                    self._wait(select.POLLOUT)
                    continue
                except OSError as error:
                    if error.errno in _NO_SENDFILE:
                        return False
                    raise
                self._part.advance(sent)
                left -= sent
            limit = throttle.max_bytes_per_s
        return True

    def _run_copying(self) -> None:
        block = memoryview(bytearray(min(BLOCK_BYTES, len(self._part))))
        while count := self._part.take(len(block)):
            self._part.fill(block[:count])
            self._send_block(block[:count])

    def _send_block(self, block: memoryview) -> None:
        told = done = 0
        while done < len(block):
            try:
                done += self._sock.send(block[done:])
                if done < len(block):
                    continue
            except (BlockingIOError, ssl.SSLWantWriteError):
                event = select.POLLOUT
            except ssl.SSLWantReadError:
                event = select.POLLIN
            # TLS takes 16 KiB at once: nobody wants to be told of each.
            self._part.advance(done - told)
            told = done
            if done < len(block):
                self._wait(event)

    def _wait(self, event: int) -> None:
        """Wait until the network takes more."""
        self._poll.modify(self._sock, event)
        deadline = None if self._timeout_s is None else time.monotonic() + self._timeout_s
        while True:
            self._part.check()
            if self._poll.poll(_LOOK_MS):
                return
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError('the network takes nothing')
