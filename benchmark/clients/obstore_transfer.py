"""obstore: the object_store of Rust."""
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.clients.measured import Job, measure
import obstore
from obstore.store import S3Store

_BLOCK_BYTES = 1024 * 1024


def _prepare(job: Job) -> Callable[[], object]:
    access_key_id, secret_access_key = job.access_key
    options: dict[str, Any] = {'allow_http': True, 'timeout': '600s'}
    if job.ca_file:
        options['root_certificate'] = Path(job.ca_file).read_text()
    store = S3Store(
        job.bucket, endpoint=job.endpoint_url, region='us-east-1',
        access_key_id=access_key_id, secret_access_key=secret_access_key,
        virtual_hosted_style_request=False,
        client_options=options)
    if job.is_upload:
        return lambda: obstore.put(store, job.key, Path(job.path),
                                   chunk_size=job.part_size_bytes,
                                   max_concurrency=job.concurrency)
    return lambda: _download(store, job)


def _download(store: S3Store, job: Job) -> None:
    with open(job.path, 'wb') as stream:
        for block in obstore.get(store, job.key).stream(min_chunk_size=_BLOCK_BYTES):
            stream.write(block)


if __name__ == '__main__':
    measure(_prepare)
