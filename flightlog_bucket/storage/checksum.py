"""
CRC-32 as S3 uses it: of a whole object, put together from the CRCs of its parts.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
("full object" checksums). Combining is Mark Adler's method from zlib's crc32_combine(): appending
n zero bits to a message multiplies its CRC by x^n modulo the polynomial.
"""
import base64
import binascii

_POLYNOMIAL = 0xEDB88320  # of CRC-32 (ISO-HDLC), bits reversed: the top bit is x^0


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
