"""What a reader of the numbers has to know of the computer; nothing that tells which one it is."""
import os
from pathlib import Path
import platform
import ssl

from benchmark.cases import GIB

_MOUNT_ESCAPES = {'\\040': ' ', '\\011': '\t', '\\012': '\n', '\\134': '\\'}


def facts() -> dict[str, str]:
    """Return name and value of each fact."""
    pages, page_bytes = os.sysconf('SC_PHYS_PAGES'), os.sysconf('SC_PAGE_SIZE')
    kernel = '.'.join(platform.release().split('.')[:2])
    return {
        'CPU': f'{_cpu_model()}, {len(os.sched_getaffinity(0))} cores',
        'memory': f'{pages * page_bytes / GIB:.0f} GiB',
        'system': f'{platform.system()} {kernel}, {platform.machine()}',
        'Python': f'{platform.python_version()}, {ssl.OPENSSL_VERSION}',
    }


def load() -> float:
    """Return how many processes wanted to run, on average of the last minute."""
    return os.getloadavg()[0]


def file_system(path: Path) -> str:
    """Return the kind of file system that a directory is on, e.g. ``ext4``."""
    resolved = path.resolve()
    best, kind = '', 'unknown'
    for line in Path('/proc/self/mounts').read_text().splitlines():
        _, mount, this_kind, *_ = line.split(' ')
        for escape, character in _MOUNT_ESCAPES.items():
            mount = mount.replace(escape, character)
        if resolved.is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, this_kind
    return kind


def _cpu_model() -> str:
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        name, _, value = line.partition(':')
        if name.strip() in ('model name', 'Model'):
            return value.strip()
    return platform.machine()
