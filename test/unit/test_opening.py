"""A disk that does not answer now is no fault of the log."""
import errno
import os
import threading
from typing import NoReturn

from flightlog_bucket.errors import LocalDiskFault, LocalFileError
from flightlog_bucket.storage.local_file import LocalFile
import pytest

AWAY = [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN]


def failing(number):
    def fail(*_, **__) -> NoReturn:
        raise OSError(number, os.strerror(number))
    return fail


@pytest.mark.parametrize('number', AWAY, ids=os.strerror)
def test_a_disk_that_does_not_let_a_file_be_opened(tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, 'open', failing(number))
    with pytest.raises(LocalDiskFault, match=os.strerror(number)) as error:
        LocalFile(tmp_path / 'a.ulg', threading.Event())
    assert error.value.retryable


@pytest.mark.parametrize('number', AWAY, ids=os.strerror)
def test_a_disk_that_does_not_let_a_file_be_read(tmp_path, monkeypatch, number):
    path = tmp_path / 'a.ulg'
    path.write_bytes(b'x')
    with LocalFile(path, threading.Event()) as file:
        monkeypatch.setattr(os, 'preadv', failing(number))
        with pytest.raises(LocalDiskFault, match=os.strerror(number)):
            file.crc32()


def test_what_no_waiting_can_mend(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'open', failing(errno.EFBIG))
    with pytest.raises(LocalFileError) as error:
        LocalFile(tmp_path / 'a.ulg', threading.Event())
    assert not error.value.retryable
