"""Real flight logs, from other people's vehicles, there and back."""
from pathlib import Path

import corpus
from flightlog_bucket import FlightLogBucket
import pytest

_LOGS = [f for f in corpus.valid_logs() if f.format in ('ulg', 'bag', 'mcap', 'db3')]


@pytest.mark.parametrize('log', corpus.params(_LOGS))
def test_comes_back_as_it_went(log: corpus.CorpusFile, bucket: FlightLogBucket,
                               tmp_path: Path) -> None:
    stored = bucket.upload(log.path)
    assert stored.s3_key.endswith('_' + log.path.name)
    got = bucket.download(stored.s3_key, tmp_path)
    assert got.local_path.read_bytes() == log.path.read_bytes()
    assert bucket.upload(log.path).already_stored
