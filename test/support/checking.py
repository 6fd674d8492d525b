"""Checks a log as a node does when it stores one, and tells what that costs."""
from dataclasses import dataclass, replace
import json
from pathlib import Path
import re
import time

from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.logs import inspect, LogFacts
from flightlog_bucket.logs.rosbag2_bag import Rosbag2Bag
from flightlog_bucket.storage import log_metadata

MAX_CPU_S = 2.0
MAX_MEMORY_KIB = 64 * 1024
MAX_METADATA_BYTES = 2048
OUTCOMES = ('valid', 'truncated', 'corrupt')
REFUSALS = ('FormatMismatch', 'ValidationFailed')
"""What ``inspect()`` raises for content: that of another format, and none."""


@dataclass(frozen=True)
class Checked:
    """
    What came of a check, and what it cost.

    :param outcome: of the verdict; of a log that was refused, the name of the error
    :param reason: of the verdict or the error
    :param metadata_bytes: names and values of the user metadata of the object
    :param is_ascii: whether these are
    :param cpu_s: seconds of the processor for check, description and metadata
    :param memory_kib: that was resident at the peak, above what was before the first check
    """

    outcome: str
    reason: str
    metadata_bytes: int
    is_ascii: bool
    cpu_s: float
    memory_kib: int

    def complaints(self) -> list[str]:
        """Return in what way this is not what every log must get, whatever is in it."""
        bounds = {
            f'{self.outcome!r} is no verdict': self.outcome in (*OUTCOMES, *REFUSALS),
            f'the reason is not one line: {self.reason!r}': self.reason.isprintable(),
            f'the reason is no sentence: {self.reason!r}':
                (' ' in self.reason or not self.reason) and 'MemoryError' not in self.reason,
            'it does not say what is wrong': bool(self.reason) or self.outcome == 'valid',
            'its metadata are not ASCII': self.is_ascii,
            f'{self.metadata_bytes} bytes of metadata': self.metadata_bytes <= MAX_METADATA_BYTES,
            f'{self.cpu_s:.2f} s of the processor': self.cpu_s <= MAX_CPU_S,
            f'{self.memory_kib} KiB of memory': self.memory_kib <= MAX_MEMORY_KIB}
        return [complaint for complaint, is_kept in bounds.items() if not is_kept]


def check(path: Path, level: str = 'structure') -> Checked:
    """
    Check and describe a log, and make the metadata of its object; all in this process.

    On a busy computer the same work takes more of the processor: of three times, the least counts.

    :param path: of a file or a rosbag2 directory
    :param level: how deep
    """
    checked = _check(path, level)
    for _ in range(2):
        if checked.cpu_s <= MAX_CPU_S:
            break
        checked = replace(checked, cpu_s=min(checked.cpu_s, _check(path, level).cpu_s))
    return checked


def _check(path: Path, level: str) -> Checked:
    _begin_peak()
    begin = time.process_time()
    try:
        facts = _facts(path, level)
    except FlightlogError as error:
        return Checked(type(error).__name__, str(error), 0, True,
                       time.process_time() - begin, _peak_kib() - _BASE_KIB)
    found = log_metadata.metadata(path.name, 'drone-001', log_metadata.content_of(facts))
    text = ''.join(key + value for key, value in found.items())
    json.dumps(facts.description.as_dict(), allow_nan=False).encode()
    return Checked(facts.verdict.outcome, facts.verdict.reason, len(text.encode()),
                   text.isascii(), time.process_time() - begin, _peak_kib() - _BASE_KIB)


def _facts(path: Path, level: str) -> LogFacts:
    if path.is_dir():
        bag = Rosbag2Bag(path)
        return LogFacts('rosbag2', '', '', bag.check(level), bag.describe())
    with open(path, 'rb') as stream:
        return inspect(path.name, path, stream, in_bag=True, is_closed=False, level=level)


def _begin_peak() -> None:
    """
    Begin to look for the most memory that is resident.

    https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    """
    Path('/proc/self/clear_refs').write_text('5')


def _peak_kib() -> int:
    # That of resource.getrusage() begins with the parent's.
    found = re.search(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text())
    assert found is not None
    return int(found[1])


_begin_peak()
_BASE_KIB = _peak_kib()
"""What the interpreter takes, and all that is imported by now."""
