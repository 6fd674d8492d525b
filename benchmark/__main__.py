"""Measure transfers, the ledger and checks of logs; print the report and keep it."""
import argparse
from pathlib import Path
import shutil
import signal
import sys
import tempfile

from benchmark import checks, ledger, machine, options, report
from benchmark.cases import all_cases, size_text
from benchmark.peers import all_peers, Peer
from benchmark.rounds import Results, Rounds
from benchmark.servers import ServerFailed

_FILES_AT_ONCE = 4  # source, object, download, and what a server holds meanwhile


def main() -> None:
    """Run what the command line asks for."""
    chosen = options.parse(sys.argv[1:])
    # So that a SIGTERM ends the servers and removes the files as well.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    busy = machine.load()
    peers = [peer for peer in all_peers(chosen.native_environment, chosen.concurrency)
             if peer.name in chosen.only]
    versions = {peer.name: peer.version() for peer in peers}
    for name in (name for name, version in versions.items() if not version):
        print(f'{name} is missing: it is not installed', file=sys.stderr)
    facts = machine.facts()
    results = Results()
    if peers:
        results = _transfers(chosen, [p for p in peers if versions[p.name]], facts)
    text = report.write(
        command=options.shown(sys.argv[1:]), facts=facts, busy=busy, peers=peers,
        versions=versions, results=results,
        ledger=ledger.section(chosen.files) if options.LEDGER in chosen.only else '',
        checks=_checks(chosen) if options.CHECKS in chosen.only else '')
    chosen.output.write_text(text)
    print(text)


def _checks(chosen: argparse.Namespace) -> str:
    return checks.section(chosen.check_size, chosen.rounds,
                          options.work_directory(chosen.work_directory))


def _transfers(chosen: argparse.Namespace, peers: list[Peer], facts: dict[str, str]) -> Results:
    cases = all_cases(chosen.server, chosen.scheme, chosen.direction, chosen.size)
    root = options.work_directory(chosen.work_directory)
    with tempfile.TemporaryDirectory(prefix='flightlog-bench-', dir=root) as name:
        directory = Path(name)
        needed = _FILES_AT_ONCE * max(chosen.size)
        if shutil.disk_usage(directory).free < needed:
            sys.exit(f'not enough room for {size_text(needed)}; give --work-directory')
        facts['files on'] = machine.file_system(directory)
        try:
            return Rounds(peers, directory, rounds=chosen.rounds,
                          concurrency=chosen.concurrency, timeout_s=chosen.timeout).run(cases)
        except ServerFailed as error:
            sys.exit(str(error))


if __name__ == '__main__':
    main()
