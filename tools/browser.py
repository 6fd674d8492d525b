"""
Which browser the page is tested and photographed in; as a program, whether there is one.

It runs before anything is installed.
"""
import os
import shutil
import sys
from typing import Optional

VARIABLE = 'FLIGHTLOG_BROWSER'
NAMES = ('chromium', 'google-chrome')
MISSING = f'there is no {" or ".join(NAMES)} here; install one, or name it in {VARIABLE}'


def find_browser() -> Optional[str]:
    """Return the program: the one that is named, else the first that is here; None: none is."""
    named = os.environ.get(VARIABLE)
    return named or next(filter(None, map(shutil.which, NAMES)), None)


if __name__ == '__main__':
    program = find_browser()
    if program is None:
        sys.exit(MISSING)
    if shutil.which(program) is None:
        sys.exit(f'{VARIABLE} is {program!r}, which is no program here')
