"""A terminal without a screen: a program draws on it, and a picture is taken."""
from collections.abc import Callable, Mapping, Sequence
import fcntl
from itertools import groupby
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from types import TracebackType
from typing import Any, Optional

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

_BLOCK_BYTES = 65536
_STOP_TIMEOUT_S = 20.0
_FONTS = 'ui-monospace, DejaVu Sans Mono, Menlo, Consolas'
# As in ANSI, which has no brown.
_COLOURS = {'brown': 'yellow', 'brightbrown': 'bright_yellow'}


class Terminal:
    """
    Runs a program on a pseudo-terminal.

    :param command: the program and its arguments
    :param columns: of the terminal
    :param rows: of the terminal
    :param environment: of the program
    :param directory: in which it runs
    """

    def __init__(self, command: Sequence[str], *, columns: int, rows: int,
                 environment: Mapping[str, str], directory: str) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=directory,
            env={**environment, 'TERM': 'xterm-256color', 'COLORTERM': 'truecolor'},
            start_new_session=True)
        os.close(slave)

    def __enter__(self) -> 'Terminal':
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        if self._process.poll() is None:
            self.interrupt()
        try:
            self._read_until(lambda: False, _STOP_TIMEOUT_S)
        finally:
            self._process.kill()
            self._process.wait()
            os.close(self._master)

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return '\n'.join(line.rstrip() for line in self._screen.display).rstrip()

    def wait_for(self, pattern: str, timeout_s: float) -> None:
        """
        Wait until the screen shows something.

        :param pattern: a regular expression
        :raises TimeoutError: it does not
        """
        self._read_until(lambda: re.search(pattern, self.text) is not None, timeout_s)
        if re.search(pattern, self.text) is None:
            raise TimeoutError(f'{pattern!r} is not shown within {timeout_s:g} s:\n{self.text}')

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def wait_for_end(self, timeout_s: float) -> int:
        """
        Wait until the program has ended; return its exit code.

        :raises TimeoutError: it does not
        """
        if not self._read_until(lambda: False, timeout_s):
            raise TimeoutError(f'it goes on after {timeout_s:g} s:\n{self.text}')
        return self._process.wait(timeout_s)

    def lines(self) -> list[Text]:
        """Return what stands on the screen, in its colours, without empty lines at the end."""
        lines = [self._line(row) for row in range(self._screen.lines)]
        while lines and not lines[-1].plain:
            lines.pop()
        return lines

    def _line(self, row: int) -> Text:
        chars = [self._screen.buffer[row][column] for column in range(self._screen.columns)]
        line = Text()
        for style, group in groupby(chars, _style):
            line.append(''.join(char.data for char in group), style)
        line.rstrip()
        return line

    def _read_until(self, is_enough: Callable[[], bool], timeout_s: float) -> bool:
        """Read on while there is time; return whether the program has ended."""
        until_s = time.monotonic() + timeout_s
        while not is_enough():
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not select.select([self._master], [], [], left_s)[0]:
                return False
            try:
                block = os.read(self._master, _BLOCK_BYTES)
            except OSError:  # EIO: nobody has the other end any more
                return True
            self._stream.feed(block)
        return False


def as_svg(lines: Sequence[Text], *, title: str, columns: int) -> str:
    """
    Return the picture of a terminal.

    :param lines: that it shows
    :param title: in the frame of the window
    :param columns: of the terminal
    """
    with open(os.devnull, 'w', encoding='utf-8') as nowhere:
        console = Console(record=True, width=columns, file=nowhere, force_terminal=True,
                          color_system='truecolor', legacy_windows=False)
        for line in lines:
            console.print(line, no_wrap=True, overflow='crop', crop=True, highlight=False)
        picture = console.export_svg(title=title, theme=MONOKAI, unique_id='terminal')
    # Fonts of another site: nothing is fetched to look at a picture.
    picture = re.sub(r'\s*@font-face \{.*?\}', '', picture, flags=re.DOTALL)
    return picture.replace('Fira Code', _FONTS)


def _style(char: Any) -> Style:
    return Style(color=_colour(char.fg), bgcolor=_colour(char.bg), bold=char.bold or None,
                 italic=char.italics or None, reverse=char.reverse or None)


def _colour(name: str) -> Optional[str]:
    if name == 'default':
        return None
    name = _COLOURS.get(name, name)
    if re.fullmatch('[0-9a-f]{6}', name):
        return f'#{name}'
    return re.sub('^bright(?!_)', 'bright_', name)
