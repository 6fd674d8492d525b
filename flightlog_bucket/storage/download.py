"""Downloads: the local file appears whole and verified, or not at all."""
from collections.abc import Callable
from pathlib import Path

from flightlog_bucket.storage.new_file import check_room, check_target, file_errors, NewFile
from flightlog_bucket.storage.object_stream import ObjectStream

OnReceived = Callable[[int, int], None]
"""Told how many bytes are here, and of how many."""


def download_target(s3_key: str, local_path: Path) -> Path:
    """
    Return the file that a download makes.

    :param local_path: the file, or an existing directory that it goes into
    """
    try:
        is_directory = local_path.is_dir()
    except (OSError, ValueError):
        is_directory = False
    return local_path / s3_key.rpartition('/')[2] if is_directory else local_path


def download(open_stream: Callable[[], ObjectStream], target: Path, *, overwrite: bool,
             on_received: OnReceived = lambda received, total: None) -> int:
    """
    Fetch an object into a new file, which gets its name when all of it is proved.

    :param open_stream: asks S3 for the object; the target is looked at first
    :param target: the local file; folders above it are made
    :param overwrite: replace an existing file
    :param on_received: raises nothing
    :returns: its size in bytes
    :raises LocalFileExists: if there is one, and ``overwrite`` is not set
    :raises LocalDiskFull: if there is no room; nothing is left behind
    :raises ChecksumMismatch: if what arrived is not what S3 stores
    """
    check_target(target, overwrite)
    with open_stream() as stream, file_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        check_room(target, stream.size)
        received = 0
        on_received(received, stream.size)
        with NewFile(target) as file:
            for block in stream:
                file.stream.write(block)
                received += len(block)
                on_received(received, stream.size)
            file.publish(overwrite=overwrite)
    return stream.size
