"""flightlog_bucket, by its synchronous API."""
from collections.abc import Callable
from pathlib import Path

from benchmark.clients.measured import Job, measure
from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.settings import BucketSettings, GIB

_MACHINE = 'bench'


def _prepare(job: Job) -> Callable[[], object]:
    bucket = FlightLogBucket(BucketSettings(
        session_token_url=job.token_url, bucket_name=job.bucket, robot_instance_id=_MACHINE,
        endpoint_url=job.endpoint_url, max_file_size_bytes=64 * GIB,
        part_size_bytes=job.part_size_bytes, max_concurrent_parts=job.concurrency))
    if job.is_upload:
        return lambda: bucket.upload(Path(job.path))
    return lambda: bucket.download(job.key, Path(job.path))


if __name__ == '__main__':
    measure(_prepare)
