"""stdin, stdout and stderr: that they are there, and which errors are theirs."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
import errno
import os
import sys
from typing import Any, Optional, TextIO, TypeVar

_T = TypeVar('_T')


class OutputLost(OSError):
    """
    What was to be printed cannot be written, e.g. as the disk is full.

    :param cause: what the operating system says
    :param also: what came of it
    """

    def __init__(self, cause: OSError, also: str = '') -> None:
        super().__init__(cause.errno, cause.strerror or type(cause).__name__)
        self.also = also

    def __str__(self) -> str:
        text = f'cannot write what was found: {self.strerror}'
        return f'{text}; {self.also}' if self.also else text


class Stdout:
    """
    A stream whose errors are told from those of other files.

    :param stream: that all goes to
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write as the stream does; raises ``OutputLost``, or ``BrokenPipeError``."""
        return _told(lambda: self._stream.write(text))

    def flush(self) -> None:
        """Flush as the stream does; raises ``OutputLost``, or ``BrokenPipeError``."""
        _told(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def own_streams() -> Iterator[None]:
    """Let errors of stdout be told, and what is closed be silent, within the ``with``."""
    _open_what_is_closed()
    before = sys.stdout
    if before is not None:
        sys.stdout = Stdout(before)
    try:
        yield
    finally:
        sys.stdout = before
        _let_stderr_end()


def check_stdout() -> None:
    """
    Check that what is done can be told, before anything is.

    :raises OutputLost: stdout is closed
    """
    if sys.stdout is None:
        raise OutputLost(OSError(errno.EBADF, 'stdout is closed'))


def silence(number: int = 1) -> None:
    """Let what is still to be written go nowhere: the interpreter flushes when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def _open_what_is_closed() -> None:
    """Keep the numbers of the streams from files that are opened later, e.g. the ledger."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, 'w', closefd=False)


def _let_stderr_end() -> None:
    stream: Optional[TextIO] = sys.stderr
    try:
        if stream is not None:
            stream.flush()
    except OSError:
        with suppress(OSError):
            silence(2)


def _told(write: Callable[[], _T]) -> _T:
    try:
        return write()
    except (BrokenPipeError, OutputLost):
        raise
    except OSError as error:
        raise OutputLost(error) from None
