"""
Real, damaged and hostile flight logs to test on.

The corpus is no part of the package. The environment variable ``FLIGHTLOG_CORPUS`` names its
folder; its ``MANIFEST.tsv`` tells what each file is. Tests that need it are skipped without it.
"""
import csv
from dataclasses import dataclass
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(os.environ.get('FLIGHTLOG_CORPUS')
            or Path(__file__).resolve().parents[2] / 'shared' / 'corpus')
MISSING = f'there is no corpus of logs in {ROOT}; FLIGHTLOG_CORPUS can name another folder'


@dataclass(frozen=True)
class CorpusFile:
    """
    A file of the corpus, or a rosbag2 directory.

    :param path: where it is
    :param format: ``ulg``, ``bag``, ``mcap``, ``db3``, ``rosbag2_dir``, ``ulge``, ``lfs_pointer``
    :param status: ``valid``, ``truncated``, ``corrupt``, ``edge`` or ``hostile``
    """

    path: Path
    format: str
    status: str


def is_there() -> bool:
    """Tell whether there is a corpus."""
    return (ROOT / 'MANIFEST.tsv').is_file()


def everything() -> list[CorpusFile]:
    """Return the corpus files and the rosbag2 directories; none without a corpus."""
    if not is_there():
        return []
    with open(ROOT / 'MANIFEST.tsv', newline='', encoding='utf-8') as stream:
        rows = list(csv.DictReader(stream, delimiter='\t', quoting=csv.QUOTE_NONE))
    return [CorpusFile(ROOT / row['path'], row['format'], row['status']) for row in rows]


def files() -> list[CorpusFile]:
    """Return the corpus files, without the rosbag2 directories; none without a corpus."""
    return [f for f in everything() if f.format != 'rosbag2_dir']


def valid_logs() -> list[CorpusFile]:
    """Return the files that the manifest calls valid."""
    return [f for f in files() if f.status == 'valid']


def params(chosen: list[CorpusFile]) -> list[Any]:
    """Return parameters for ``pytest.mark.parametrize``; one that is skipped without a corpus."""
    if not is_there():
        return [pytest.param(None, marks=pytest.mark.skip(reason=MISSING), id='no-corpus')]
    return [pytest.param(f, id=f.path.name) for f in chosen]
