"""
rosbag2's FILE compression: ``x.mcap.zstd`` takes the place of ``x.mcap`` when a file is closed.

Older recorders tell that ``x.mcap`` is closed before they have compressed it.
"""
from enum import Enum

from flightlog_bucket.logs.rosbag2_directory import COMPRESSED_END
from flightlog_bucket.transfers.listing import Listing
from flightlog_bucket.transfers.settled import Settling

BEING_COMPRESSED = 'is being compressed: the .zstd beside it is taken in its place'


class Standing(Enum):
    """Of one file of such a pair."""

    COUNTS = 'it is a log of its own'
    WAITS = 'the other one is still being written'
    REPLACED = 'the .zstd is taken in its place'


def standing(listing: Listing, name: str, settling: Settling, *,
             is_usual: bool = False) -> Standing:
    """
    Tell whether a file is to be taken, or the one that is made from it.

    :param is_usual: whether other files of the bag are compressed
    :raises OSError: if one of them has vanished
    """
    if name.endswith(COMPRESSED_END):
        return _of_compressed(listing, name, settling)
    path, status = listing.directory / name, listing.files[name]
    compressed = listing.files.get(name + COMPRESSED_END)
    if compressed is None:
        is_coming = is_usual and not settling.is_abandoned(path, status)
        return Standing.WAITS if is_coming else Standing.COUNTS
    compressed_path = listing.directory / (name + COMPRESSED_END)
    if settling.is_complete(compressed_path):
        # A file that was written after it was compressed is another one.
        is_later = status.st_mtime_ns > compressed.st_mtime_ns
        return Standing.COUNTS if is_later else Standing.REPLACED
    is_given_up = settling.is_abandoned(compressed_path, compressed)
    return Standing.COUNTS if is_given_up else Standing.WAITS


def forget(listing: Listing, name: str, settling: Settling) -> None:
    """Keep nothing of an accepted file, unless another one still waits for it to be compressed."""
    is_awaited = (name.endswith(COMPRESSED_END)
                  and name.removesuffix(COMPRESSED_END) in listing.files)
    if not is_awaited:
        settling.forget(listing.directory / name)


def _of_compressed(listing: Listing, name: str, settling: Settling) -> Standing:
    plain = name.removesuffix(COMPRESSED_END)
    status = listing.files.get(plain)
    if status is None or status.st_mtime_ns <= listing.files[name].st_mtime_ns:
        return Standing.COUNTS
    is_changing = settling.quiet_s(listing.directory / plain, status) < settling.settle_s
    return Standing.WAITS if is_changing else Standing.COUNTS
