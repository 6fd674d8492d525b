"""The section on checks of logs: what each level costs, beside the library of the format."""
from collections.abc import Sequence
import json
import os
from pathlib import Path
import sys
import tempfile
from typing import Optional

from benchmark.cases import MIB, size_text
from benchmark.process import ClientFailed, run
from benchmark.summary import ratio, Sample, Summary
from benchmark.table import markdown

LOGS = {'.ulg': 'pyulog: all of it', '.bag': 'rosbags: opens it',
        '.mcap': 'mcap: `get_summary()`', '.db3': 'sqlite3: `quick_check`',
        '.mcap.zstd': 'zstandard: unpacks it'}
"""Extensions, and what is compared."""
_LEVELS = ('header', 'structure', 'full')
_PEER = 'peer'
_TIMEOUT_S = 900.0  # pyulog takes a minute for a GiB
_ROOT = Path(__file__).resolve().parents[1]
_COLUMNS = ('log', 'check', 'wall ms', '× library', 'CPU ms', '× library', 'above idle MiB')

_EXPLANATION = """\
Each check with its description is a process of its own, which has imported what it needs before;
`full` starts another one, whose start, work and memory are in the numbers. Median of the rounds,
with the least and the most. The logs are in the page cache: samples of 96 bytes in the ULog,
messages of 4 KiB in all others, unpacked. `× library` is divided by what the library takes for
what the row of its name says.
"""


def section(sizes_bytes: Sequence[int], rounds: int, directory: Optional[Path]) -> str:
    """
    Measure the checks and return their section of the report.

    :param sizes_bytes: of the logs, about
    :param rounds: how many times each log is checked
    :param directory: for the logs, one at a time; None: where the system has its temporary files
    """
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix='flightlog-bench-checks-', dir=directory) as name:
        for extension in LOGS:
            for size_bytes in sizes_bytes:
                rows += _rows(Path(name), extension, size_bytes, rounds)
    return f'## Checks\n\n{_EXPLANATION}\n{markdown(_COLUMNS, rows)}'


def _rows(directory: Path, extension: str, size_bytes: int, rounds: int) -> list[list[str]]:
    title = f'{extension} {size_text(size_bytes)}'
    path = directory / f'flight{extension}'
    try:
        _run('benchmark.check_logs', directory, str(path), str(size_bytes))
        found = {what: _summary(path, what, rounds) for what in (*_LEVELS, _PEER)}
    except ClientFailed as error:
        return [[title, f'failed: {error}'.replace('|', '/'), *[''] * (len(_COLUMNS) - 2)]]
    finally:
        path.unlink(missing_ok=True)
    peer = found[_PEER]
    return [[title, LOGS[extension] if what == _PEER else what, *_cells(summary, peer)]
            for what, summary in found.items()]


def _summary(path: Path, what: str, rounds: int) -> Summary:
    samples = []
    for _ in range(rounds):
        said = _run('benchmark.check_process', path.parent, str(path), what)
        samples.append(Sample(**json.loads(said.splitlines()[-1])))
        print(f'{path.name}, {what}: {samples[-1].wall_s:.3f} s', file=sys.stderr, flush=True)
    return Summary.of(samples)


def _run(module: str, directory: Path, *arguments: str) -> str:
    variables = {'PATH': os.environ.get('PATH', os.defpath), 'PYTHONPATH': str(_ROOT),
                 'LC_ALL': 'C.UTF-8', 'TMPDIR': str(directory)}
    return run([sys.executable, '-m', module, *arguments], variables, directory, _TIMEOUT_S).said


def _cells(summary: Summary, peer: Summary) -> list[str]:
    wall, cpu = summary.wall_s, summary.cpu_s
    return [
        f'{_ms(wall.middle)} ({_ms(wall.least)}–{_ms(wall.most)})',
        _times(wall.middle, peer.wall_s.middle), _ms(cpu.middle),
        _times(cpu.middle, peer.cpu_s.middle), f'{summary.above_idle_bytes / MIB:.1f}']


def _ms(seconds: float) -> str:
    return f'{1000 * seconds:.1f}' if seconds < 0.1 else f'{1000 * seconds:.0f}'


def _times(value: float, baseline: float) -> str:
    found = ratio(value, baseline)
    return '—' if found is None else f'{found:.0f}' if found >= 10 else f'{found:.2g}'
