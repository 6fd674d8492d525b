"""The command line."""
import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
import sys
from typing import Optional

from benchmark.cases import DIRECTIONS, parse_size, SCHEMES, SERVERS
from benchmark.summary import BASELINE

PEERS = ('ours', BASELINE, 'boto3-same', 'aws', 'rclone', 'obstore', 'awscrt')
LEDGER = 'ledger'
CHECKS = 'check'
_PARTS = (*PEERS, LEDGER, CHECKS)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; ends the process where they are wrong."""
    parser = argparse.ArgumentParser(
        prog='make bench BENCH_ARGS=', description=__doc__, allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--size', type=_sizes, default=_sizes('256MiB,1GiB'), metavar='SIZES',
                        help='of the files, e.g. 256MiB,1GiB')
    parser.add_argument('--rounds', type=_count, default=3, help='each client does each case')
    parser.add_argument('--only', type=_names(_PARTS), default=list(_PARTS),
                        metavar='NAMES', help=f'some of: {", ".join(_PARTS)}')
    parser.add_argument('--server', type=_names(SERVERS), default=list(SERVERS),
                        metavar='NAMES', help=f'some of: {", ".join(SERVERS)}')
    parser.add_argument('--scheme', type=_names(SCHEMES), default=list(SCHEMES),
                        metavar='NAMES', help=f'some of: {", ".join(SCHEMES)}')
    parser.add_argument('--direction', type=_names(DIRECTIONS), default=list(DIRECTIONS),
                        metavar='NAMES', help=f'some of: {", ".join(DIRECTIONS)}')
    parser.add_argument('--concurrency', type=_count, default=4,
                        help='requests at once, where a client can be told')
    parser.add_argument('--files', type=_count, default=10_000, help='that the ledger gets')
    parser.add_argument('--check-size', type=_sizes, default=_sizes('100MiB,1GiB'),
                        metavar='SIZES', help='of the logs that are checked')
    parser.add_argument('--timeout', type=float, default=120.0, metavar='SECONDS',
                        help='after which a run is given up')
    parser.add_argument('--work-directory', type=Path, default=None, metavar='PATH',
                        help='for the files, 4 times the largest; else memory if it has room')
    parser.add_argument('--native-environment', type=Path, metavar='PATH',
                        default=Path(f'{sys.prefix}-native'),
                        help='the virtual environment of awscrt and obstore')
    parser.add_argument('--output', type=Path, default=Path(__file__).parent / 'results.md',
                        metavar='PATH', help='for the report')
    return parser.parse_args(arguments)


def shown(arguments: Sequence[str]) -> str:
    """Return the command that a person would type, without what only this computer has."""
    parts: list[str] = []
    skip = False
    for argument in arguments:
        if skip or argument.startswith(('--work-directory', '--native-environment', '--output')):
            skip = not skip and '=' not in argument
            continue
        parts.append(argument)
    return f'make bench BENCH_ARGS="{" ".join(parts)}"' if parts else 'make bench'


def work_directory(asked: Optional[Path]) -> Optional[Path]:
    """Return where the files go; None: where the system puts temporary files."""
    memory = Path('/dev/shm')  # noqa: S108 - a new directory is made in it
    return asked or (memory if memory.is_dir() else None)


def _sizes(text: str) -> list[int]:
    try:
        return [parse_size(part) for part in text.split(',')]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no number above 0')
    return int(text)


def _names(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Return what takes some of the names, with commas between them."""
    def take(text: str) -> list[str]:
        names = text.split(',')
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f'{", ".join(unknown)}: there are {", ".join(known)}')
        return [name for name in known if name in names]
    return take
