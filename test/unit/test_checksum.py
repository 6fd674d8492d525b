"""CRC-32 as S3 writes and combines it."""
import contextlib
import zlib

from flightlog_bucket.storage import checksum
from hypothesis import given
from hypothesis import strategies as st
import pytest

CRCS = st.integers(0, 2**32 - 1)


@given(st.binary(), st.binary())
def test_the_sum_of_two_parts_is_that_of_the_whole(a, b):
    assert checksum.combine(zlib.crc32(a), zlib.crc32(b), len(b)) == zlib.crc32(a + b)


@given(st.lists(st.binary(max_size=64), max_size=12))
def test_the_sum_of_many_parts_is_that_of_the_whole(parts):
    crc = 0
    for part in parts:
        crc = checksum.combine(crc, zlib.crc32(part), len(part))
    assert crc == zlib.crc32(b''.join(parts))


@pytest.mark.parametrize('length', [1, 8 * 2**20, 8 * 2**20 + 1, 2**24 - 1])
def test_parts_as_long_as_in_an_upload(length):
    a, b = b'\xa5' * 1000, bytes(length)
    assert checksum.combine(zlib.crc32(a), zlib.crc32(b), length) == zlib.crc32(b, zlib.crc32(a))


@given(CRCS, CRCS, CRCS, st.integers(0, 5 * 2**40), st.integers(0, 5 * 2**40))
def test_the_order_of_combining_does_not_matter(a, b, c, length_b, length_c):
    left = checksum.combine(checksum.combine(a, b, length_b), c, length_c)
    right = checksum.combine(a, checksum.combine(b, c, length_c), length_b + length_c)
    assert left == right


def test_the_check_value():
    # RFC 3720 and others: the check value of CRC-32 (ISO-HDLC) is that of "123456789".
    assert zlib.crc32(b'123456789') == 0xCBF43926
    assert checksum.encode(0xCBF43926) == 'y/Q5Jg=='
    assert checksum.encode(0) == 'AAAAAA=='
    assert checksum.decode('y/Q5Jg==') == 0xCBF43926


@given(CRCS)
def test_what_was_written_is_read(crc):
    assert checksum.decode(checksum.encode(crc)) == crc


@pytest.mark.parametrize('text', [
    '', 'y/Q5Jg==-3', 'y/Q5Jg', 'y/Q5', 'AAAAAAAA', '!!!!', 'ü', 'y/Q5Jg==\n', ' y/Q5Jg==', '====',
    'y_Q5Jg=='])
def test_what_is_no_checksum_is_refused(text):
    with pytest.raises(ValueError):
        checksum.decode(text)


@given(st.text())
def test_any_text_is_a_checksum_or_refused(text):
    with contextlib.suppress(ValueError):
        assert 0 <= checksum.decode(text) < 2**32
