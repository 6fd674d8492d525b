"""Files that change while they are sent, and parts of files as bodies of requests."""
import io
import os
from pathlib import Path
import threading
import zlib

from flightlog_bucket.errors import Cancelled, LocalFileChanged
from flightlog_bucket.storage.file_part import FilePart
from flightlog_bucket.storage.local_file import LocalFile
from hypothesis import given
from hypothesis import strategies as st
import pytest
from support.local_files import CONTENT, opened


def grow(log: Path) -> None:
    with open(log, 'ab') as stream:
        stream.write(b'more')


def shrink(log: Path) -> None:
    os.truncate(log, len(CONTENT) - 1)


def shrink_to_nothing(log: Path) -> None:
    os.truncate(log, 0)


def rewrite(log: Path) -> None:
    then = log.stat().st_mtime_ns
    log.write_bytes(b'x' * len(CONTENT))
    os.utime(log, ns=(then + 1, then + 1))


@pytest.mark.parametrize('change', [grow, shrink, shrink_to_nothing, rewrite])
def test_a_change_is_noticed(log, file, change):
    change(log)
    with pytest.raises(LocalFileChanged, match='was written to while it was read') as caught:
        file.check_unchanged()
    assert (caught.value.status, caught.value.retryable) == (409, True)
    with pytest.raises(LocalFileChanged):
        FilePart(file, 0, file.size).read()


@pytest.mark.parametrize('change', [shrink, shrink_to_nothing])
def test_a_shorter_file_has_no_sum(log, file, change):
    change(log)
    with pytest.raises(LocalFileChanged):
        file.crc32()
    with pytest.raises(LocalFileChanged):
        file.md5()


@pytest.mark.parametrize('change', [grow, shrink, rewrite])
def test_a_change_in_mid_body_spoils_the_body(log, file, change):
    """The last bytes are not handed out, so that the request is never completed."""
    part = FilePart(file, 0, file.size)
    received = len(part.read(1000))
    change(log)
    with pytest.raises(LocalFileChanged):
        while block := part.read(65536):
            received += len(block)
    assert received < len(CONTENT)


def test_a_part_that_is_not_there_any_more(log, file):
    shrink_to_nothing(log)
    with pytest.raises(LocalFileChanged):
        FilePart(file, 0, 4096).read(10)


@pytest.mark.parametrize('how', ['replaced', 'removed'])
def test_the_open_file_is_read_whatever_happens_to_its_name(log, file, how):
    if how == 'replaced':
        other = log.with_name('other')
        other.write_bytes(b'other')
        other.replace(log)
    else:
        log.unlink()
    file.check_unchanged()
    assert file.crc32() == zlib.crc32(CONTENT)
    with file.stream() as stream:
        assert stream.read() == CONTENT


def test_cancel_stops_every_read(log):
    cancel = threading.Event()
    with LocalFile(log, cancel) as file, file.stream() as stream:
        part = FilePart(file, 0, 100)
        assert part.read(10) == CONTENT[:10]
        cancel.set()
        for read in (part.read, file.crc32, file.md5, lambda: stream.read(10)):
            with pytest.raises(Cancelled) as caught:
                read()
            assert (caught.value.status, caught.value.retryable) == (499, True)
    with pytest.raises(OSError, match='Bad file descriptor'):
        os.fstat(file._fd)


SIZES = st.one_of(st.none(), st.integers(-3, 40))
STEPS = st.lists(st.one_of(
    st.tuples(st.just('read'), SIZES),
    st.tuples(st.just('seek'), st.integers(0, 40), st.just(os.SEEK_SET)),
    st.tuples(st.just('seek'), st.integers(-40, 40),
              st.sampled_from([os.SEEK_CUR, os.SEEK_END]))), max_size=20)


@given(st.binary(max_size=32), st.data(), STEPS)
def test_a_part_is_read_as_a_file_in_memory_is(tmp_path_factory, content, data, steps):
    path = tmp_path_factory.mktemp('part') / 'x'
    path.write_bytes(content)
    offset = data.draw(st.integers(0, len(content)))
    length = data.draw(st.integers(0, len(content) - offset))
    model = io.BytesIO(content[offset:offset + length])
    with opened(path) as file:
        part = FilePart(file, offset, length)
        assert len(part) == length
        for name, *arguments in steps:
            result = getattr(model, name)(*arguments)
            if name == 'seek':  # a part has nothing behind its end, not even a position
                result = model.seek(min(result, length))
            assert getattr(part, name)(*arguments) == result
            assert part.tell() == model.tell()
