"""Into how many parts, of which size, a log is cut."""
from flightlog_bucket.settings import MAX_PART_SIZE_BYTES, MIB, MIN_PART_SIZE_BYTES

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000


def part_size(file_size: int, wanted: int) -> int:
    """
    Return the size of the parts for a file, in bytes.

    :param file_size: bytes
    :param wanted: bytes; grows to whole MiB where the file would take more than 10,000 parts
    """
    needed = -(-file_size // MAX_PARTS)
    return wanted if needed <= wanted else -(-needed // MIB) * MIB


def fits(file_size: int, size: int) -> bool:
    """Tell whether a file can go up in parts of this size, in bytes."""
    return (MIN_PART_SIZE_BYTES <= size <= MAX_PART_SIZE_BYTES
            and file_size <= size * MAX_PARTS)
