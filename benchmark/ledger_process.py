"""
The ledger, as a process: ``python -m benchmark.ledger_process DIRECTORY COUNT``.

It opens the ledger, looks at what is there, accepts ``COUNT`` more logs, and says on standard
output, as JSON, how long that took and how much memory.
"""
import json
import logging
from pathlib import Path
import sys
import time

from benchmark.clients.measured import resident_bytes
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.state_directory import StateDirectory

_LOGS = Path('/var/log/flights/2025-07-27')  # nothing is there: the ledger opens no log
_MIB = 1024 * 1024


def main() -> None:
    """Do it."""
    logging.basicConfig(level=logging.WARNING)
    directory, count = Path(sys.argv[1]), int(sys.argv[2])
    idle_bytes = resident_bytes()
    begin = time.monotonic()
    ledger = Ledger(StateDirectory(directory), machine='bench', destination='flight-logs/bench/')
    queued = ledger.counts().queued
    open_s = time.monotonic() - begin
    open_bytes = resident_bytes()
    if ledger.problem:
        sys.exit(ledger.problem)
    accept_s = [_accept(ledger, queued + index) for index in range(count)]
    print(json.dumps({
        'queued': queued, 'open_s': open_s, 'open_bytes': open_bytes - idle_bytes,
        'accept_s': accept_s, 'accept_bytes': resident_bytes() - open_bytes,
        'file_bytes': sum(f.stat().st_size for f in directory.iterdir())}))
    ledger.close()


def _accept(ledger: Ledger, index: int) -> float:
    """Accept one log and return how long that took, in seconds."""
    path = _LOGS / f'14_30_22_{index:06d}.ulg'
    fingerprint = Fingerprint(_MIB + index, 1_753_626_622 * 10**9 + index, 1, index + 1)
    begin = time.monotonic()
    ledger.accept(path, fingerprint)
    return time.monotonic() - begin


if __name__ == '__main__':
    main()
