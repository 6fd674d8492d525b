"""
Runs one transfer and says on standard output, as JSON, what only the process itself can see.

Standard library only: every client runs in an environment of its own.
"""
from collections.abc import Callable
from dataclasses import dataclass
import json
import os
from pathlib import Path
import resource
import sys
import time


@dataclass(frozen=True)
class Job:
    """
    What a client is to do.

    :param direction: ``upload`` or ``download``
    :param endpoint_url: of the S3 server
    :param bucket: exists
    :param key: of the object; an upload may choose another one
    :param path: of the local file
    :param part_size_bytes: of a part
    :param concurrency: requests at once, for clients that are not left at their defaults
    :param token_url: of the session-token service
    :param ca_file: holds the certificate of whoever signed the server's; empty: no TLS
    """

    direction: str
    endpoint_url: str
    bucket: str
    key: str
    path: str
    part_size_bytes: int
    concurrency: int
    token_url: str
    ca_file: str

    @property
    def is_upload(self) -> bool:
        """Whether the file goes up."""
        return self.direction == 'upload'

    @property
    def access_key(self) -> tuple[str, str]:
        """The access key and its secret."""
        return os.environ['AWS_ACCESS_KEY_ID'], os.environ['AWS_SECRET_ACCESS_KEY']


def measure(prepare: Callable[[Job], Callable[[], object]]) -> None:
    """
    Run the job on the command line.

    :param prepare: makes the client, and returns what does the transfer
    """
    transfer = prepare(Job(**json.loads(sys.argv[1])))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    idle_bytes = resident_bytes()
    begin = time.monotonic()
    transfer()
    print(json.dumps({'wall_s': time.monotonic() - begin, 'idle_bytes': idle_bytes,
                      'startup_cpu_s': usage.ru_utime + usage.ru_stime}))


def resident_bytes() -> int:
    """Return how much memory of this process is resident now."""
    # https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize()
