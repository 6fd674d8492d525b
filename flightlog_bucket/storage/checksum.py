"""
CRC-32 as S3 uses it: of a whole object, put together from the CRCs of its parts; and ETags.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
("full object" checksums). Combining is Mark Adler's method from zlib's crc32_combine(): appending
n zero bits to a message multiplies its CRC by x^n modulo the polynomial.
"""
import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
import hashlib
from typing import Optional

_POLYNOMIAL = 0xEDB88320  # of CRC-32 (ISO-HDLC), bits reversed: the top bit is x^0


@dataclass(frozen=True)
class Sums:
    """
    The checksums of a part.

    :param crc32: CRC-32
    :param md5: MD5; None where it was not wanted
    """

    crc32: int
    md5: Optional[bytes]


def etag_of(md5s: Sequence[bytes], *, in_parts: bool) -> str:
    """
    Return the ETag that S3 makes of MD5s where it does not encrypt the object.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html

    :param md5s: of the parts, or the one of the whole content
    :param in_parts: it went up as a multipart upload
    """
    if not in_parts:
        return md5s[0].hex()
    return f'{hashlib.md5(b"".join(md5s), usedforsecurity=False).hexdigest()}-{len(md5s)}'


def combine(crc_a: int, crc_b: int, length_b: int) -> int:
    """
    Return the CRC-32 of A + B.

    :param crc_a: of A
    :param crc_b: of B
    :param length_b: bytes of B
    """
    return _multiply(_x_to_the(8 * length_b), crc_a) ^ crc_b


def encode(crc: int) -> str:
    """Return a CRC-32 as S3 writes it: base64 of four bytes, the highest first."""
    return base64.b64encode(crc.to_bytes(4, 'big')).decode('ascii')


def decode(text: str) -> int:
    """
    Return the CRC-32 that S3 wrote.

    :raises ValueError: if it is none, e.g. the checksum of checksums of a multipart upload
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f'not a CRC-32: {text!r}') from error
    if len(raw) != 4:
        raise ValueError(f'not a CRC-32: {text!r}')
    return int.from_bytes(raw, 'big')


def _multiply(a: int, b: int) -> int:
    """Multiply two polynomials over GF(2), modulo the CRC's."""
    product = 0
    bit = 1 << 31
    while bit:
        if a & bit:
            product ^= b
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
        bit >>= 1
    return product


def _x_to_the(exponent: int) -> int:
    """Return x^exponent, modulo the polynomial of the CRC."""
    result, square = 1 << 31, 1 << 30  # x^0 and x^1
    while exponent:
        if exponent & 1:
            result = _multiply(square, result)
        square = _multiply(square, square)
        exponent >>= 1
    return result
