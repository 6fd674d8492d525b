"""The form of an upload, however its bytes arrive."""
from collections.abc import Callable
import itertools
from pathlib import Path
from typing import Optional, Union

from flightlog_bucket.api.multipart_form import UploadForm
from flightlog_bucket.errors import FlightlogError, InvalidRequest
from hypothesis import example, given, settings
from hypothesis import strategies as st
import pytest
from support.expect import failure

BOUNDARY = 'b' * 12
KIND = f'multipart/form-data; boundary={BOUNDARY}'


class Kept:
    """A reception in memory."""

    def __init__(self, name: str) -> None:
        self.name_at_first = name
        self.content = b''
        self.finished: Optional[tuple[str, Optional[float]]] = None
        self.is_discarded = False

    def write(self, block: Union[bytes, memoryview]) -> None:
        self.content += block

    def finish(self, filename: str, modified_s: Optional[float]) -> Path:
        self.finished = filename, modified_s
        return Path('/received') / filename

    def discard(self) -> None:
        self.is_discarded = True


def field(name: str, value: bytes, extra: str = '') -> bytes:
    return (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
            ).encode() + value + b'\r\n'


def whole(content: bytes) -> bytes:
    return (field('custom_filename', b'a.ulg') + field('file', content, '; filename="x.ulg"')
            + field('last_modified', b'12.5') + f'--{BOUNDARY}--\r\n'.encode())


END = f'--{BOUNDARY}--\r\n'.encode()
FILE = field('file', b'abc', '; filename="x.ulg"')


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted({min(cut, len(data)) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(at)]


NEARLY = st.lists(st.sampled_from(
    [b'\r', b'\n', b'-', b'--', b'b', f'\r\n--{BOUNDARY}'[:-1].encode(), b'\r\n--', b'\x00']),
    max_size=40).map(b''.join)


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=200) | NEARLY, cuts=st.lists(st.integers(0, 700), max_size=30))
@example(content=f'\r\n--{BOUNDARY}'[:-1].encode() * 3, cuts=list(range(0, 700)))
def test_the_content_is_the_same_however_it_is_cut(content: bytes, cuts: list[int]) -> None:
    if f'\r\n--{BOUNDARY}'.encode() in content:
        return
    kept: list[Kept] = []

    def begin(name: str) -> Kept:
        kept.append(Kept(name))
        return kept[-1]
    form = UploadForm(KIND, begin)
    for piece in pieces_of(whole(content), cuts):
        form.feed(piece)
    received = form.finish()
    assert (received.path, received.enqueue_only) == (Path('/received/a.ulg'), False)
    assert [(k.name_at_first, k.content, k.finished) for k in kept] == [
        ('a.ulg', content, ('a.ulg', 12.5))]


@settings(max_examples=300, deadline=None)
@given(data=st.lists(st.sampled_from(
    [f'--{BOUNDARY}'.encode(), f'--{BOUNDARY}--'.encode(), b'\r\n', b'\r', b'\n', b':', b'"', b';',
     b'Content-Disposition: form-data; name="file"; filename="x"', b'Content-Disposition:',
     b' form-data', b'name=file', b'; filename="', b'\xff', b'x' * 100, b'=', b'\\']),
    max_size=40).map(b''.join), cuts=st.lists(st.integers(0, 1000), max_size=10))
def test_nothing_but_our_errors_comes_of_any_bytes(data: bytes, cuts: list[int]) -> None:
    kept = Kept('')
    form = UploadForm(KIND, lambda name: kept)

    def send() -> None:
        for piece in pieces_of(data, cuts):
            form.feed(piece)
        form.finish()
    assert status_of(send) in (200, 400, 413)


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda t: f'multipart/form-data;{t}'))
def test_any_content_type(kind: str) -> None:
    assert status_of(lambda: UploadForm(kind, Kept)) in (200, 400)


def status_of(call: Callable[[], object]) -> int:
    """Return 200, or the status of the error; what is none of ours is let out."""
    try:
        call()
    except FlightlogError as error:
        return error.status
    return 200


@pytest.mark.parametrize('length', [0, 1, 255])
def test_a_name_up_to_its_limit(length: int) -> None:
    name = 'y' * length
    form = UploadForm(KIND, Kept)
    form.feed(field('custom_filename', name.encode()) + FILE + END)
    assert form.finish().path == Path('/received') / (name or 'x.ulg')


@pytest.mark.parametrize('length', [1, 4095, 4096])
def test_a_field_up_to_its_limit(length: int) -> None:
    kept: list[Kept] = []

    def begin(name: str) -> Kept:
        kept.append(Kept(name))
        return kept[-1]
    form = UploadForm(KIND, begin)
    form.feed(FILE + field('last_modified', b'7'.rjust(length, b'0')) + END)
    form.finish()
    assert [k.finished for k in kept] == [('x.ulg', 7.0)]


def test_a_field_over_it() -> None:
    form = UploadForm(KIND, Kept)
    with pytest.raises(FlightlogError, match='custom_filename has more than 4096 bytes'):
        form.feed(field('custom_filename', b'x' * 4097))


def test_what_is_there_is_discarded() -> None:
    kept = Kept('')
    form = UploadForm(KIND, lambda name: kept)
    form.discard()
    assert not kept.is_discarded
    form.feed(field('file', b'abc', '; filename="x.ulg"')[:-2])
    form.discard()
    assert kept.is_discarded


@pytest.mark.parametrize('text, expected', [
    ('12', 12.0), ('12.5', 12.5), ('1.5e9', 1.5e9), ('0', 0.0), ('1_000', None), ('١٢', None),
    (' 12', None), ('+12', None), ('-1', None), ('nan', None), ('inf', None), ('1e400', None),
    ('0x10', None), ('1.', None)])
def test_when_it_was_written(text: str, expected: Optional[float]) -> None:
    kept: list[Kept] = []

    def begin(name: str) -> Kept:
        kept.append(Kept(name))
        return kept[0]
    form = UploadForm(KIND, begin)
    body = FILE + field('last_modified', text.encode()) + END
    if expected is None:
        with failure(InvalidRequest, 400, 'last_modified is', 'give seconds since 1970'):
            form.feed(body)
        return
    form.feed(body)
    form.finish()
    assert kept[0].finished == ('x.ulg', expected)
