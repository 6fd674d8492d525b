"""What is printed, and whether a person looks at it."""
from contextlib import suppress
import os
import sys
from typing import Any, Optional, TYPE_CHECKING

from flightlog_bucket.cli.report import escaped

if TYPE_CHECKING:
    from rich.console import Console

_SHOW_CURSOR = '\x1b[?25h'


def console() -> 'Optional[Console]':
    """Return what draws on the terminal; None: there is none that can, or rich is missing."""
    if not is_terminal():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    made = Console(markup=False, highlight=False, emoji=False)
    return made if made.is_terminal and not made.is_dumb_terminal else None


def is_terminal() -> bool:
    """Tell whether a person sees stdout on something that can draw."""
    return sys.stdout.isatty() and os.environ.get('TERM', '') not in ('', 'dumb', 'unknown')


def say(text: str) -> None:
    """Print one line at once."""
    print(escaped(text), flush=True)


def complain(text: str) -> None:
    """Say on stderr, in one line, what is wrong; where that is full, the exit code tells it."""
    with suppress(OSError):
        print(f'flightlog: {escaped(text)}', file=sys.stderr, flush=True)


def plain(text: str, style: str = '') -> Any:
    """Return a text for rich, in which nothing has a meaning for the terminal or for rich."""
    from rich.text import Text
    return Text(escaped(text), style=style)


def leave_at_once(code: int) -> None:
    """End the process without waiting for anything; the cursor is there again."""
    if sys.stdout.isatty():
        os.write(sys.stdout.fileno(), _SHOW_CURSOR.encode() + b'\n')
    os._exit(code)
