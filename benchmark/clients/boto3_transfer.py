"""boto3's ``upload_file`` and ``download_file``; any second argument: at our concurrency."""
from collections.abc import Callable
import sys

from benchmark.clients.measured import Job, measure
import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config


def _prepare(job: Job) -> Callable[[], object]:
    client = boto3.client('s3', region_name='us-east-1', endpoint_url=job.endpoint_url,
                          config=Config(s3={'addressing_style': 'path'}))
    config = TransferConfig()
    if len(sys.argv) > 2:
        config = TransferConfig(multipart_chunksize=job.part_size_bytes,
                                max_concurrency=job.concurrency)
    if job.is_upload:
        return lambda: client.upload_file(job.path, job.bucket, job.key, Config=config)
    return lambda: client.download_file(job.bucket, job.key, job.path, Config=config)


if __name__ == '__main__':
    measure(_prepare)
