"""When a request over plain http goes without the SHA-256 that botocore computes of its body."""
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from flightlog_bucket.errors import FlightlogError, StorageError, TokenRefused
from flightlog_bucket.settings import BucketSettings
from flightlog_bucket.storage.client import S3Client
from flightlog_bucket.storage.credentials import BEGIN
import pytest


class Server:
    """Stands for boto3's client: refuses the first tries with these codes."""

    def __init__(self, client: S3Client, *codes: str) -> None:
        self.meta = client._client.meta
        self.with_hash: list[bool] = []
        self._client = client
        self._codes = list(codes)

    def put_object(self, **_: Any) -> dict[str, Any]:
        """Put nothing."""
        self._client._before_call({'headers': {'Content-MD5': 'x'}, 'context': {}})
        self.with_hash.append(not self._client._added.skips_hash)
        if self._codes:
            raise ClientError({'Error': {'Code': self._codes.pop(0)},
                               'ResponseMetadata': {'HTTPStatusCode': 400}}, 'PutObject')
        return {'ETag': '"x"', 'ResponseMetadata': {'RequestId': '1', 'HTTPStatusCode': 200}}


@pytest.fixture
def client() -> S3Client:
    tokens: Any = SimpleNamespace(redacted=str, generation=1, refuse=lambda generation: None,
                                  refresh=dict, age=lambda: BEGIN)
    return S3Client(BucketSettings(
        session_token_url='http://127.0.0.1:1/t', bucket_name='flight-logs',
        robot_instance_id='drone-1', endpoint_url='http://127.0.0.1:1'), tokens)


def put(client: S3Client, *codes: str) -> list[bool]:
    """Put something; return of each try whether its body was hashed."""
    client._client = server = Server(client, *codes)
    client.call('put_object', key='k')
    return server.with_hash


def test_a_server_that_wants_the_hash_gets_it_from_then_on(client: S3Client) -> None:
    assert put(client, 'InvalidRequest') == [False, True]
    assert put(client) == [True]


def test_what_the_hash_does_not_mend_costs_it_once(client: S3Client) -> None:
    assert put(client, 'ExpiredToken', 'ExpiredToken') == [False, True, False]
    assert put(client) == [False]


@pytest.mark.parametrize(('codes', 'error'), [
    (('InvalidRequest', 'InvalidRequest'), StorageError), (('ExpiredToken',) * 4, TokenRefused)])
def test_what_is_refused_either_way(client: S3Client, codes: tuple[str, ...],
                                    error: type[FlightlogError]) -> None:
    with pytest.raises(error):
        put(client, *codes)
    assert put(client) == [False]
