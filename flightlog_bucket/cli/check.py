"""``flightlog check``: whether logs are whole, and what is in them."""
import argparse
from dataclasses import replace
import os
from pathlib import Path
import sys
from typing import Any, BinaryIO, TYPE_CHECKING

from flightlog_bucket.cli.report import escaped, Report, UNREADABLE
from flightlog_bucket.errors import (
    ConfigurationError,
    FlightlogError,
    FormatMismatch,
    InvalidExtension,
    ValidationFailed,
)
from flightlog_bucket.logs.facts import inspect
from flightlog_bucket.logs.formats import EXTENSIONS, format_in_bag, format_of_name
from flightlog_bucket.logs.rosbag2_directory import has_metadata, is_named_after
from flightlog_bucket.logs.verdict import CORRUPT, LEVELS, MISMATCH, STRUCTURE, Verdict
from flightlog_bucket.storage.opening import check_is_regular, open_log

if TYPE_CHECKING:
    from argparse import _SubParsersAction

ALL_USABLE, NOT_ALL_USABLE, NOT_ALL_CHECKED = 0, 1, 2

_DESCRIPTION = """\
Check flight logs, and tell what is in them. Nothing is sent, nothing is changed.

FILE is a log (%(extensions)s), a rosbag2 directory or a file of one.
The verdict is one of:
  valid       whole
  truncated   cut off, e.g. with the power of the recorder; what is there can be used
  corrupt     damaged
  mismatch    not of the format that its name says, or not the name of a log
  unreadable  missing, or cannot be opened
"""
_EXAMPLES = """\
levels:
  header      the first bytes
  structure   footer, index, summary and metadata agree with the file; takes milliseconds for
              most logs, and for no file more than 2 s, however large or damaged it is
  full        every record and checksum, with the library of the format (pyulog, rosbags, mcap),
              in a process with limits on memory and time; takes seconds for each 100 MB

exit code:
  0    every log is valid or truncated
  1    at least one is not
  2    wrong usage; or the library for the full check of a log is missing (then the verdict is
       that of its structure); or the output cannot be written, e.g. to a full disk
  130  stopped by Ctrl-C
  141  what reads the output closed it, e.g. head

examples:
  flightlog check flight.ulg
  flightlog check --level full /media/sd/log/2025-07-27/*.ulg
  flightlog check --json bags/* | jq -r 'select(.verdict == "corrupt") | .path'
"""


def add_to(subcommands: '_SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add the subcommand to the command line."""
    parser = subcommands.add_parser(
        'check', help='tell whether logs are whole, and what is in them',
        description=_DESCRIPTION % {'extensions': ', '.join(EXTENSIONS)}, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('files', nargs='+', metavar='FILE',
                        help='a log, a rosbag2 directory, or a file of one')
    parser.add_argument('--level', choices=LEVELS, default=STRUCTURE,
                        help='how deep to look; default: %(default)s')
    parser.add_argument('--json', action='store_true',
                        help='one JSON object a line, with path, format, verdict, reason and'
                             ' description')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check every file, and print what is found of each at once; return the exit code."""
    code, told = ALL_USABLE, set[str]()
    for given in arguments.files:
        try:
            report = check(given, arguments.level)
        except ConfigurationError as error:
            report, code = _checked_less(given, error), NOT_ALL_CHECKED
            if str(error) not in told:
                told.add(str(error))
                print(f'flightlog: {escaped(str(error))}', file=sys.stderr)
        print(report.as_json() if arguments.json else report.as_text(), flush=True)
        if not report.verdict.is_usable:
            code = max(code, NOT_ALL_USABLE)
    return code


def check(given: str, level: str) -> Report:
    """
    Check a log.

    :param given: its path
    :param level: ``header``, ``structure`` or ``full``
    :raises ConfigurationError: if what is needed for a full check is not installed
    """
    path = Path(given)
    try:
        return _check_bag(given, level) if path.is_dir() else _check_file(given, path, level)
    except ConfigurationError:
        raise
    except (FormatMismatch, InvalidExtension) as error:
        verdict = Verdict(MISMATCH, _reason(error))
    except ValidationFailed as error:
        verdict = Verdict(CORRUPT, _reason(error))
    except FlightlogError as error:
        verdict = Verdict(UNREADABLE, _reason(error))
    except OSError as error:
        verdict = Verdict(UNREADABLE, error.strerror or type(error).__name__)
    return Report(given, _format_said(path), verdict)


def _checked_less(given: str, missing: ConfigurationError) -> Report:
    """Return what can be said of a log without the library for its full check."""
    report = check(given, STRUCTURE)
    reason = '; '.join(filter(None, (report.verdict.reason, _reason(missing))))
    return replace(report, verdict=replace(report.verdict, reason=reason))


def _check_file(given: str, path: Path, level: str) -> Report:
    with _opened(path) as stream:
        facts = inspect(path.name, path, stream, in_bag=format_in_bag(path.name) is not None,
                        is_closed=False, level=level)
    return Report(given, facts.format, facts.verdict, facts.description)


def _check_bag(given: str, level: str) -> Report:
    path = Path(os.path.abspath(given))  # '.' has no name
    if not (has_metadata(path) or any(is_named_after(path.name, n) for n in os.listdir(path))):
        return Report(given, None, Verdict(
            UNREADABLE, 'it is a directory, and not one of rosbag2; give the files of the logs'))
    from flightlog_bucket.logs.rosbag2_bag import Rosbag2Bag
    bag = Rosbag2Bag(path)
    return Report(given, 'rosbag2', bag.check(level), bag.describe())


def _opened(path: Path) -> BinaryIO:
    fd = open_log(path)
    try:
        check_is_regular(path, os.fstat(fd))
        return open(fd, 'rb')
    except BaseException:
        os.close(fd)
        raise


def _format_said(path: Path) -> Any:
    said = format_in_bag(path.name) or format_of_name(path.name)
    return None if said is None else said.name


def _reason(error: FlightlogError) -> str:
    """Return what is wrong, without the opening words that it has elsewhere."""
    return str(error).removeprefix(f'{error.summary}: ')
