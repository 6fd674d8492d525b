"""What ``flightlog upload`` does where nobody can be told what became of the logs."""
from collections.abc import Iterator
from contextlib import contextmanager
import errno
import io
from pathlib import Path
import threading

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.backend import Failure, OnStep, Uploaded
from flightlog_bucket.cli.main import main
import pytest


class Full(io.StringIO):
    """A stream to a full disk."""

    def write(self, text: str) -> int:
        """Refuse it."""
        raise OSError(errno.ENOSPC, 'No space left on device')


class Uploads:
    """Stores ``a.ulg``; the others go on until they are cancelled."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self._all_begun = threading.Barrier(3, timeout=20)

    def upload(self, path: str, *, name: str, enqueue_only: bool, on_step: OnStep,
               cancel: threading.Event) -> Uploaded:
        """Store a log."""
        self._all_begun.wait()
        if path.endswith('a.ulg'):
            return Uploaded('flight_logs/drone-001/a.ulg')
        assert cancel.wait(30)
        self.cancelled.append(Path(path).name)
        raise Failure(499, 'cancelled')


def test_a_full_disk_cancels_what_is_not_stored_and_both_are_told(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    uploads = Uploads()

    @contextmanager
    def connect(_: object) -> Iterator[Uploads]:
        yield uploads
    monkeypatch.setattr(connecting, 'connect', connect)
    monkeypatch.setattr('sys.stdout', Full())
    monkeypatch.setattr('flightlog_bucket.cli.ending.silence', lambda: None)
    assert main(['upload', '--json', '/data/a.ulg', '/data/b.ulg', '/data/c.ulg']) == 2
    assert sorted(uploads.cancelled) == ['b.ulg', 'c.ulg']
    assert capsys.readouterr().err == (
        'flightlog: cannot write what was found: No space left on device; 1 of 3 is stored, and'
        ' the other uploads are cancelled\n')
