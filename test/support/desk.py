"""Stands for what is around a worker: a test says when a try ends, and what time it is."""
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, Optional

from flightlog_bucket.errors import Busy
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.state_directory import StateDirectory
from flightlog_bucket.transfers.worker import Worker


class Try:
    """One call of ``upload``."""

    def __init__(self, path: Path, arguments: dict[str, Any]) -> None:
        self.path = path
        self.arguments = arguments
        self.future: Future[StoredLog] = Future()


class Desk(Executor):
    """Stands for the pool, the bucket and the clock."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.directory = directory
        self.running: list[Try] = []
        self.calls: list[object] = []
        self.now_s = 1000.0
        self.has_threads = True
        self.ledger = Ledger(StateDirectory(directory / 'state'), machine='drone-001',
                             destination='bucket', clock=lambda: self.now_s)
        settings = {'slots': 2, 'max_pending': 2, 'max_wait_s': 30, 'retry_max_delay_s': 8,
                    **options}
        self.worker = Worker(
            self.ledger, self._never, self, clock=lambda: self.now_s,
            delay=lambda tries, most: min(2.0 ** (tries - 1), most),
            on_network_fault=lambda: self.calls.append('network'),
            on_gone=self.calls.append, on_stored=lambda: self.calls.append('stored'), **settings)

    def _never(self, *_: Any, **__: Any) -> StoredLog:
        raise AssertionError

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        if not self.has_threads:
            raise Busy('no thread')
        self.running.append(Try(args[0], kwargs))
        return self.running[-1].future

    def log(self, name: str, size: int = 1) -> tuple[Path, Fingerprint]:
        path = self.directory / name
        path.write_bytes(b'x' * size)
        return path, Fingerprint.of(path.stat())

    def accept(self, name: str, size: int = 1, **options: Any) -> Path:
        path, fingerprint = self.log(name, size)
        self.ledger.accept(path, fingerprint, **options)
        return path

    def ask(self, file_name: str, **options: Any) -> 'Future[StoredLog]':
        return self.worker.submit(*self.log(file_name), **options)

    def names(self) -> list[str]:
        return [one.path.name for one in self.running]

    def step(self) -> list[str]:
        self.worker.step()
        return self.names()

    def end(self, error: Optional[BaseException] = None) -> None:
        one = self.running.pop(0)
        if error is not None:
            one.future.set_exception(error)
            return
        name = one.arguments['custom_filename'] or one.path.name
        one.future.set_result(StoredLog(f'key/{name}', 'url', 7, 'x/y', False, 0, ''))
