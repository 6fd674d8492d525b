"""What is in a bucket, seen with all rights."""
from collections.abc import Iterable, Mapping
import hashlib
from pathlib import Path
from typing import Any

from flightlog_bucket import FlightLogBucket


def objects(admin: Any, bucket: FlightLogBucket) -> dict[str, int]:
    """Return the sizes of all objects of a machine, by key."""
    found = admin.list_objects_v2(Bucket=bucket.settings.bucket_name,
                                  Prefix=bucket.settings.machine_prefix)
    return {entry['Key']: entry['Size'] for entry in found.get('Contents', ())}


def digests(admin: Any, bucket_name: str, prefix: str) -> dict[str, str]:
    """Return the SHA-256 of all objects below a prefix, by key."""
    keys = [entry['Key'] for page in admin.get_paginator('list_objects_v2').paginate(
        Bucket=bucket_name, Prefix=prefix) for entry in page.get('Contents', ())]
    bodies = ((key, admin.get_object(Bucket=bucket_name, Key=key)['Body']) for key in keys)
    return {key: _digest(body.iter_chunks(1 << 20)) for key, body in bodies}


def check_each_is_stored_once(stored: Mapping[str, str], paths: Iterable[Path]) -> None:
    """
    Expect one object of each file, with its content, and no other object.

    :param stored: what ``digests`` returns
    :param paths: no two of one name
    """
    by_name = {key.rpartition('/')[2].split('_', 2)[2]: key for key in stored}
    expected = {path.name: path for path in paths}
    assert sorted(by_name) == sorted(expected)
    assert len(stored) == len(by_name), sorted(stored)
    for name, path in expected.items():
        assert stored[by_name[name]] == digest(path), name


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with open(path, 'rb') as stream:
        return _digest(iter(lambda: stream.read(1 << 20), b''))


def _digest(blocks: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for block in blocks:
        whole.update(block)
    return whole.hexdigest()
