"""The section on the ledger: what it costs to accept a log, and to begin with many queued."""
import json
import os
from pathlib import Path
import sys
import tempfile
from typing import Any

from benchmark import machine
from benchmark.cases import MIB
from benchmark.process import ClientFailed, run
from benchmark.summary import percentile
from benchmark.table import markdown

_ROOT = Path(__file__).resolve().parents[1]
_TIMEOUT_S = 900.0
_KIB = 1024


def section(files: int) -> str:
    """
    Measure the ledger and return its section of the report.

    :param files: that it accepts
    """
    with tempfile.TemporaryDirectory(prefix='flightlog-bench-ledger-') as name:
        home = Path(name) / 'state'
        kind = machine.file_system(Path(name))
        print(f'accepting {files} logs', file=sys.stderr, flush=True)
        try:
            filled, started = _use(home, files), _use(home, 0)
        except ClientFailed as error:
            return f'## Ledger\n\nfailed: {error}\n'
    if started['queued'] != files:
        return f'## Ledger\n\nfailed: {started["queued"]} of {files} logs were there again\n'
    return f'## Ledger: {files} logs, on {kind}\n\n{_table(files, filled, started)}'


def _use(home: Path, count: int) -> dict[str, Any]:
    variables = {'PATH': os.environ.get('PATH', os.defpath), 'PYTHONPATH': str(_ROOT),
                 'LC_ALL': 'C.UTF-8'}
    usage = run([sys.executable, '-m', 'benchmark.ledger_process', str(home), str(count)],
                variables, home.parent, _TIMEOUT_S)
    told: dict[str, Any] = json.loads(usage.said.splitlines()[-1])
    return told


def _table(files: int, filled: dict[str, Any], started: dict[str, Any]) -> str:
    times_ms = [1000 * seconds for seconds in filled['accept_s']]
    return markdown(('what', 'measured'), [
        ['accept one log, durable: median', f'{percentile(times_ms, 0.5):.2f} ms'],
        ['accept one log, durable: 99th percentile', f'{percentile(times_ms, 0.99):.2f} ms'],
        [f'memory that grew while {files} were accepted',
         f'{filled["accept_bytes"] / _KIB:.0f} KiB'],
        [f'open the ledger with {files} queued', f'{1000 * started["open_s"]:.0f} ms'],
        ['memory that this took', f'{started["open_bytes"] / _KIB:.0f} KiB'],
        ['size on disk', f'{started["file_bytes"] / MIB:.1f} MiB']])
