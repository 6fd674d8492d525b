"""Servers on loopback, and a machine of its own for every test."""
from collections.abc import Callable, Iterator, Sequence
import functools
import itertools
import json
from pathlib import Path
from typing import Any

import botocore.session
from flightlog_bucket import BucketSettings, FlightLogBucket
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
import pytest
from support.expect import give_token, TIMEOUT_S
from support.fault_proxy import FaultProxy
from support.foreign_app import ForeignApp
from support.logs import write_big_ulg, write_dated_log
from support.session_service import json_answer, ScriptedSessionService

Connect = Callable[..., FlightLogBucket]

PART_BYTES = 5 * MIB
BIG_LOG_BYTES = 19 * MIB + 123

_numbers = itertools.count(1)


@pytest.fixture(scope='session', autouse=True)
def _service_models_are_read_once() -> Iterator[None]:
    """Spare every connection of the tests the 0.1 s in which botocore reads what S3 can do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, 'create_loader',
                      functools.lru_cache(botocore.session.create_loader))
        yield


@pytest.fixture(scope='session')
def sandbox() -> Iterator[Sandbox]:
    """Give S3 with its authentication on, and its session-token service."""
    with Sandbox() as running:
        yield running


@pytest.fixture(scope='session')
def admin(sandbox: Sandbox) -> Any:
    """Give a boto3 client that may do everything in the sandbox."""
    return sandbox.admin_client()


@pytest.fixture
def machine() -> str:
    """Give a machine that has nothing in any bucket yet."""
    return f'drone-{next(_numbers):03}'


@pytest.fixture
def proxy(sandbox: Sandbox) -> Iterator[FaultProxy]:
    """Give a proxy before the sandbox's S3."""
    with FaultProxy(sandbox.endpoint_url) as running:
        yield running


@pytest.fixture(scope='module')
def relay(sandbox: Sandbox) -> Iterator[FaultProxy]:
    """Give the way from the application to S3."""
    with FaultProxy(sandbox.endpoint_url) as running:
        yield running


@pytest.fixture(scope='module')
def app(request: pytest.FixtureRequest, sandbox: Sandbox, relay: FaultProxy,
        tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignApp]:
    """Give somebody else's application, with the ``MACHINE`` and the ``OPTIONS`` of a module."""
    with ForeignApp(
            tmp_path_factory.mktemp('foreign'), session_token_url=sandbox.session_token_url,
            bucket_name=sandbox.bucket_name, endpoint_url=relay.url,
            robot_instance_id=request.module.MACHINE, **request.module.OPTIONS) as running:
        yield running


@pytest.fixture
def connect(sandbox: Sandbox, machine: str) -> Iterator[Connect]:
    """Make connections to the sandbox, or to what the arguments say."""
    made = []

    def make(**settings: Any) -> FlightLogBucket:
        bucket = FlightLogBucket(BucketSettings(**{
            'session_token_url': sandbox.session_token_url,
            'endpoint_url': sandbox.endpoint_url, 'bucket_name': sandbox.bucket_name,
            'robot_instance_id': machine, 'part_size_bytes': PART_BYTES, **settings}))
        made.append(bucket)
        return bucket

    yield make
    for bucket in made:
        bucket.close()


@pytest.fixture
def bucket(connect: Connect) -> FlightLogBucket:
    """Give a connection to the sandbox."""
    return connect()


@pytest.fixture
def hurried(connect: Connect, proxy: FaultProxy) -> FlightLogBucket:
    """Give a connection through the proxy that has a token, and 3 s for a call."""
    return give_token(connect(endpoint_url=proxy.url, request_timeout_s=TIMEOUT_S))


@pytest.fixture
def patient(connect: Connect, proxy: FaultProxy) -> FlightLogBucket:
    """Give the same with the usual 30 s, where the test is not about time."""
    bucket = connect(endpoint_url=proxy.url)
    bucket.fetch_credentials()
    return bucket


@pytest.fixture
def session_of_role(sandbox: Sandbox, machine: str,
                    ) -> Iterator[Callable[..., ScriptedSessionService]]:
    """Make session-token services whose tokens have a policy of their own."""
    services = []

    def make(*actions: str, resource: Sequence[str] = ('*',)) -> ScriptedSessionService:
        service = ScriptedSessionService(json_answer(
            _assume_role(sandbox, f'{machine}-{len(services)}', actions, resource)))
        services.append(service)
        return service.__enter__()

    yield make
    for service in services:
        service.__exit__(None, None, None)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give a small valid ULog of 14:30:22 UTC on 27 July 2025."""
    return write_dated_log(tmp_path / 'flight.ulg')


@pytest.fixture(scope='session')
def big_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a valid ULog that goes up in four parts; not to be written to."""
    return write_big_ulg(tmp_path_factory.mktemp('big') / 'big.ulg', BIG_LOG_BYTES)


def _assume_role(sandbox: Sandbox, name: str, actions: tuple[str, ...],
                 resource: Sequence[str]) -> dict[str, Any]:
    trust = {'Version': '2012-10-17', 'Statement': [{
        'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': {'AWS': '*'}}]}
    policy = {'Version': '2012-10-17', 'Statement': [{
        'Effect': 'Allow', 'Action': list(actions), 'Resource': list(resource)}]}
    iam = sandbox.admin_client('iam')
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=name, PolicyName='test', PolicyDocument=json.dumps(policy))
    credentials = sandbox.admin_client('sts').assume_role(
        RoleArn=role['Role']['Arn'], RoleSessionName='test')['Credentials']
    return {k: v for k, v in credentials.items() if k != 'Expiration'}


@pytest.fixture
def reconnect(connect: Connect, proxy: FaultProxy, session_of_role: Callable[..., Any],
              ) -> Callable[[], FlightLogBucket]:
    """Give what makes connections with all rights, that send part after part by the proxy."""
    service = session_of_role('s3:*')

    def connected() -> FlightLogBucket:
        bucket = connect(endpoint_url=proxy.url, request_timeout_s=10, max_concurrent_parts=1,
                         session_token_url=service.url)
        bucket.fetch_credentials()
        return bucket
    return connected


@pytest.fixture
def confined(connect: Connect, proxy: FaultProxy) -> Callable[[], FlightLogBucket]:
    """Give the same with the policy of the README, without ListParts and Abort."""
    return lambda: connect(endpoint_url=proxy.url, request_timeout_s=10, max_concurrent_parts=1)
