"""Being somebody whom the operating system refuses things."""
from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import tempfile

import pytest

_NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='takes root, who alone can be others')


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root for a while, in all threads."""
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def public_directory() -> Iterator[Path]:
    """Give an empty folder of root that others may look into, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)
