"""Logs that claim or hold much: looking at them takes little time and memory."""
from collections.abc import Iterator
from pathlib import Path
import shutil
from typing import Any

import hostile_logs
import pytest
from support.checking_process import assert_within_bounds


@pytest.fixture(params=hostile_logs.WRITERS)
def folder(request: Any, tmp_path: Path) -> Iterator[Path]:
    """Give a folder of hostile logs; they are too large to be left there."""
    folder = tmp_path / request.param
    folder.mkdir()
    hostile_logs.WRITERS[request.param](folder)
    yield folder
    shutil.rmtree(folder)


def test_takes_little_time_and_memory(folder):
    assert_within_bounds(sorted(folder.iterdir()))
