"""awscrt, by the transfer manager that s3transfer has for it."""
from collections.abc import Callable
from typing import Any

from benchmark.clients.measured import Job, measure
import botocore.session
from s3transfer.crt import (
    BotocoreCRTCredentialsWrapper,
    BotocoreCRTRequestSerializer,
    create_s3_crt_client,
    CRTTransferManager,
)


def _prepare(job: Job) -> Callable[[], object]:
    session = botocore.session.get_session()
    credentials = BotocoreCRTCredentialsWrapper(session.get_credentials())
    client = create_s3_crt_client(
        'us-east-1', credentials.to_crt_credentials_provider(), part_size=job.part_size_bytes,
        use_ssl=bool(job.ca_file), verify=job.ca_file or None)
    serializer = BotocoreCRTRequestSerializer(
        session, {'endpoint_url': job.endpoint_url, 'region_name': 'us-east-1'})
    manager = CRTTransferManager(client, serializer)
    return lambda: _transfer(manager, job)


def _transfer(manager: Any, job: Job) -> None:
    with manager:
        if job.is_upload:
            manager.upload(job.path, job.bucket, job.key).result()
        else:
            manager.download(job.bucket, job.key, job.path).result()


if __name__ == '__main__':
    measure(_prepare)
