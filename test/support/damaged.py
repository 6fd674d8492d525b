"""Logs that something happened to."""
from pathlib import Path

from support.logs import write_dated_log


def write_cut(path: Path) -> Path:
    """Write a log that a power cut ended."""
    write_dated_log(path)
    content = path.read_bytes()
    path.write_bytes(content[:len(content) * 2 // 3 + 1])
    return path


def write_corrupt(path: Path) -> Path:
    """Write a log whose end the disk has lost, or that has the end of another file."""
    write_dated_log(path)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes(len(content) - half)
                     if path.suffix in ('.ulg', '.mcap') else content + b'\xa5' * 1000)
    return path


def write_corrupt_within(path: Path) -> Path:
    """Write a ULog of which only reading all of it shows the damage."""
    from support.logs import write_big_ulg
    write_big_ulg(path, 40 * 1024 * 1024)
    with open(path, 'r+b') as stream:
        stream.seek(25 * 1024 * 1024)
        stream.write(bytes(100_000))
    return path
