"""What the header Range asks for."""
from typing import Optional

from flightlog_bucket.errors import RangeNotSatisfiable
from flightlog_bucket.storage.byte_range import byte_range_of, ByteRange
from hypothesis import given
from hypothesis import strategies as st
import pytest


@pytest.mark.parametrize('header, first, last', [
    ('bytes=0-0', 0, 0), ('bytes=5-', 5, None), ('bytes=-7', None, 7), ('Bytes = 1-2 ', 1, 2),
    ('bytes=007-0008', 7, 8), (f'bytes=0-{"9" * 5000}', 0, 10 ** 18)])
def test_one_range(header: str, first: Optional[int], last: Optional[int]) -> None:
    assert byte_range_of(header) == ByteRange(first, last)


@pytest.mark.parametrize('header', [
    '', 'bytes', 'bytes=', 'bytes=-', 'bytes=5-4', 'bytes=1-2,3-4', 'bytes=1-2,', 'lines=1-2',
    'bytes=a-b', 'bytes=1-2-3', 'bytes=+1-2', 'bytes=1 - 2', 'bytes=١-٢', 'bytes=0x1-2',
    'bytes=1-2\n'])
def test_anything_else_means_the_whole(header: str) -> None:
    assert byte_range_of(header) is None


@given(first=st.none() | st.integers(0, 40), last=st.none() | st.integers(0, 40),
       content=st.binary(max_size=30))
def test_within_an_object(first: Optional[int], last: Optional[int], content: bytes) -> None:
    found = byte_range_of(f'bytes={"" if first is None else first}-{"" if last is None else last}')
    if found is None:
        assert (first, last) == (None, None) or (first or 0) > (last or 0)
        return
    expected = (content[max(len(content) - (last or 0), 0):] if first is None
                else content[first:] if last is None else content[first:last + 1])
    if not expected:
        with pytest.raises(RangeNotSatisfiable) as caught:
            found.within(len(content))
        assert caught.value.size == len(content)
        return
    start, length = found.within(len(content))
    assert content[start:start + length] == expected
    assert length == len(expected)


@given(st.text(max_size=30) | st.from_regex(r'bytes=[0-9,\- ]{0,20}', fullmatch=True))
def test_no_header_does_harm(header: str) -> None:
    found = byte_range_of(header)
    if found is not None:
        assert (found.first is not None) or (found.last is not None)
