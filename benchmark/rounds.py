"""Runs every client in every case, one after the other, in rounds."""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
import json
import os
from pathlib import Path
from statistics import median
import sys

from benchmark.cases import Case, MIB
from benchmark.certificate import Certificate
from benchmark.clients.measured import Job
from benchmark.files import are_same
from benchmark.peers import environment, Peer, rclone_program
from benchmark.process import ClientFailed, run, Usage
from benchmark.servers import BUCKET, Rclone, ServerFailed, Sink
from benchmark.sink.requests import ACCESS_KEY_ID, SECRET_ACCESS_KEY, TOKEN_PATH
from benchmark.source import write_log
from benchmark.summary import Sample

_ROOT = Path(__file__).resolve().parents[1]
_FOLDER = 'flight_logs/bench'
_PART_SIZE_BYTES = 8 * MIB
_STARTUP_RUNS = 3
_ONE_BYTE = 1
_WARM_UP_BYTES = MIB


@dataclass
class Results:
    """
    What came of it.

    :param samples: by case and client
    :param failures: by case and client, what went wrong
    """

    samples: dict[Case, dict[str, list[Sample]]] = field(default_factory=dict)
    failures: dict[Case, dict[str, str]] = field(default_factory=dict)


class Rounds:
    """
    Interleaved runs, so that what disturbs the computer for a while disturbs all clients.

    :param peers: the clients
    :param directory: empty; has room for three of the largest files
    :param rounds: how many times each client does each case
    :param concurrency: requests at once, where a client can be told
    :param timeout_s: of one run
    """

    def __init__(self, peers: Sequence[Peer], directory: Path, *, rounds: int, concurrency: int,
                 timeout_s: float) -> None:
        self._peers = peers
        self._directory = directory
        self._rounds = rounds
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._certificate = Certificate.make(self._make('tls'))
        self._home = self._make('home')
        self._sources: dict[int, Path] = {}
        self._warm: set[str] = set()
        self._count = 0
        self._token_url = ''

    def run(self, cases: Sequence[Case]) -> Results:
        """
        Run all cases.

        :raises ServerFailed: if a server does not start
        """
        results = Results()
        self._write_sources(case.size_bytes for case in cases)
        with Sink(self._make('tokens'), None) as tokens:
            self._token_url = tokens.url + TOKEN_PATH
            for (server, scheme), group in groupby(cases, lambda c: (c.server, c.scheme)):
                running = self._server(server, scheme)
                with running:
                    for case in group:
                        self._run_case(case, running, results)
        return results

    def _run_case(self, case: Case, server: 'Sink | Rclone', results: Results) -> None:
        samples = results.samples.setdefault(case, {})
        failures = results.failures.setdefault(case, {})
        startups: dict[str, Sample] = {}
        for number in range(self._rounds):
            # Another one begins in every round, as the first one may find the caches cold.
            first = number % len(self._peers)
            for peer in [*self._peers[first:], *self._peers[:first]]:
                if peer.name in failures:
                    continue
                try:
                    self._warm_up(peer, case, server)
                    if peer.is_tool and peer.name not in startups:
                        startups[peer.name] = self._startup(peer, case, server)
                    usage = self._once(peer, case, server, case.size_bytes)
                except (ClientFailed, ServerFailed) as error:
                    failures[peer.name] = str(error)
                    _say(f'{case.title}: {peer.name} failed: {error}')
                    continue
                sample = _sample(usage, startups.get(peer.name))
                samples.setdefault(peer.name, []).append(sample)
                _say(f'{case.title}, round {number + 1}: {peer.name}'
                     f' {sample.wall_s:.2f} s, CPU {sample.cpu_s:.2f} s')

    def _warm_up(self, peer: Peer, case: Case, server: 'Sink | Rclone') -> None:
        """Let the first run of a client be one that does not count: Python compiles it."""
        if peer.name not in self._warm:
            self._warm.add(peer.name)
            self._once(peer, case, server, _WARM_UP_BYTES)

    def _startup(self, peer: Peer, case: Case, server: 'Sink | Rclone') -> Sample:
        """Measure what a tool takes for a file of one byte."""
        runs = [self._once(peer, case, server, _ONE_BYTE) for _ in range(_STARTUP_RUNS)]
        return Sample(wall_s=median(r.wall_s for r in runs), cpu_s=median(r.cpu_s for r in runs),
                      startup_cpu_s=0, idle_bytes=0,
                      peak_bytes=int(median(r.peak_bytes for r in runs)))

    def _once(self, peer: Peer, case: Case, server: 'Sink | Rclone', size_bytes: int) -> Usage:
        """Run a client once, and check what it did."""
        self._count += 1
        source = self._sources[size_bytes]
        path = self._directory / f'run_{self._count}.ulg'
        is_upload = case.direction == 'upload'
        if is_upload:
            os.link(source, path)  # a new name, so that each gets a key of its own
        key = f'{_FOLDER}/{path.name if is_upload else source.name}'
        job = Job(direction=case.direction, endpoint_url=server.url, bucket=BUCKET, key=key,
                  path=str(path), part_size_bytes=_PART_SIZE_BYTES,
                  concurrency=self._concurrency, token_url=self._token_url,
                  ca_file=str(self._certificate.ca) if case.scheme == 'https' else '')
        variables = environment(job, _ROOT, self._home, (ACCESS_KEY_ID, SECRET_ACCESS_KEY),
                                is_plain=(case.server, case.scheme) == ('rclone', 'https'))
        try:
            usage = run(peer.command(job), variables, self._home, self._timeout_s)
            if is_upload:
                server.take_upload(source)
            elif not are_same(source, path):
                raise ClientFailed('what it downloaded is not the file')
            return usage
        finally:
            path.unlink(missing_ok=True)
            server.clear()

    def _write_sources(self, sizes_bytes: Iterable[int]) -> None:
        for size_bytes in sorted({_ONE_BYTE, _WARM_UP_BYTES, *sizes_bytes}):
            path = self._directory / f'source_{size_bytes}.ulg'
            if size_bytes == _ONE_BYTE:
                path.write_bytes(b'U')
            else:
                write_log(path, size_bytes)
            self._sources[size_bytes] = path

    def _server(self, server: str, scheme: str) -> 'Sink | Rclone':
        certificate = self._certificate if scheme == 'https' else None
        root = self._make(f'{server}-{scheme}')
        made: Sink | Rclone = (Sink(root, certificate) if server == 'sink'
                               else Rclone(rclone_program(), root, certificate))
        for source in self._sources.values():
            made.place(f'{_FOLDER}/{source.name}', source)
        return made

    def _make(self, name: str) -> Path:
        path = self._directory / name
        path.mkdir()
        return path


def _sample(usage: Usage, startup: 'Sample | None') -> Sample:
    if startup is None:
        told = json.loads(usage.said.splitlines()[-1])
        return Sample(wall_s=told['wall_s'], cpu_s=usage.cpu_s - told['startup_cpu_s'],
                      startup_cpu_s=told['startup_cpu_s'], idle_bytes=told['idle_bytes'],
                      peak_bytes=usage.peak_bytes)
    return Sample(wall_s=usage.wall_s - startup.wall_s, cpu_s=usage.cpu_s - startup.cpu_s,
                  startup_cpu_s=startup.cpu_s, idle_bytes=startup.peak_bytes,
                  peak_bytes=usage.peak_bytes)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
