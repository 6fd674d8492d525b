"""When the other side fails, every way to the bucket says the same of it."""
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contract.driver import Driver, Outcome
from contract.ways import FOLDER, open_ways, WAYS
from flightlog_bucket.sandbox import Sandbox
import pytest
from ros_client import RosClient
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import Page, Reply
from support.logs import write_dated_log
from support.session_service import error, ScriptedSessionService

KEY = f'{FOLDER}x.ulg'
STAYS = '; the log stays accepted, and is tried again until it is stored'
HURRIED = {'request_timeout': 10, 'retry_max_delay_s': 1}


@pytest.fixture(scope='module')
def s3(sandbox: Sandbox) -> Iterator[FaultProxy]:
    with FaultProxy(sandbox.endpoint_url) as running:
        yield running


@pytest.fixture(scope='module')
def ways(sandbox: Sandbox, s3: FaultProxy, ros: RosClient,
         tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Driver]]:
    """Return the ways to a bucket that a test can break."""
    parameters = {**sandbox.node_parameters(), 'endpoint_url': s3.url, **HURRIED}
    with open_ways(ros, tmp_path_factory.mktemp('faults') / 'node', parameters) as opened:
        yield opened


@contextmanager
def broken(ways: Mapping[str, Any], s3: FaultProxy) -> Iterator[None]:
    """Let S3 be mended afterwards, and what was accepted not be in the way of the next test."""
    try:
        yield
    finally:
        s3.heal()
        wait_until(lambda: ways['rest'].waiting() == 0, 60)


def by_each_way(ways: Mapping[str, Driver],
                call: Callable[[Driver], Outcome]) -> Mapping[str, Outcome]:
    """Call all the ways at once: each takes some time to find that there is no answer."""
    with ThreadPoolExecutor(len(WAYS)) as threads:
        return dict(zip(WAYS, threads.map(call, [ways[name] for name in WAYS]), strict=True))


def check_calls(ways: Mapping[str, Driver], target: Path, status: int, words: str) -> None:
    """Expect that all calls but uploads fail with this status, in the same words everywhere."""
    for call in (lambda way: way.list(), lambda way: way.download(KEY, target),
                 lambda way: way.delete(KEY)):
        outcomes = by_each_way(ways, call)
        assert len(set(map(str, outcomes.values()))) == 1, outcomes
        assert outcomes['ros'].status == status, outcomes
        assert words in outcomes['ros'].error, outcomes
    assert not target.exists()


def check_upload(outcomes: Mapping[str, Outcome], status: int, words: str) -> None:
    """Expect the same, and that who has a ledger says that it keeps the log."""
    assert {outcome.status for outcome in outcomes.values()} == {status}, outcomes
    assert words in outcomes['ros'].error, outcomes
    assert outcomes['ros'] == outcomes['rest']
    assert outcomes['proxy'] == outcomes['application']
    assert outcomes['ros'].error == outcomes['proxy'].error + STAYS


def uploaded(ways: Mapping[str, Driver], folder: Path) -> Mapping[str, Outcome]:
    """Upload a log by each of the ways, to one key."""
    logs = {ways[name]: write_dated_log(folder / f'{name}.ulg') for name in WAYS}
    return by_each_way(ways, lambda way: way.upload(logs[way], f'{folder.name}.ulg'))


def test_no_session_token(sandbox: Sandbox, ros: RosClient, tmp_path: Path) -> None:
    words = 'Authentication failed: the session-token service at '
    with ScriptedSessionService(error(401)) as tokens:
        parameters = {**sandbox.node_parameters(), 'session_token_url': tokens.url, **HURRIED}
        with open_ways(ros, tmp_path / 'node', parameters) as refused:
            check_calls(refused, tmp_path / 'copy', 401, words)
            check_upload(uploaded(refused, tmp_path), 401, words)
            for name in WAYS:
                assert refused[name].info()['credential_state'] == 'failed'
                assert words in refused[name].info()['credential_error']


@pytest.mark.parametrize(('fault', 'status', 'words'), [
    (Reply(403, 'AccessDenied'), 403, 'Access denied: the session token does not allow this'),
    (Reply(503, 'SlowDown'), 503, 'S3 cannot take'),
    (Page(200, b'<html>please log in</html>'), 502, 'not S3'),
], ids=['forbidden', 'busy', 'captive portal'])
def test_s3_refuses(ways: Mapping[str, Driver], s3: FaultProxy, fault: Any, status: int,
                    words: str, tmp_path: Path) -> None:
    with broken(ways, s3):
        s3.fail(fault, None)
        check_calls(ways, tmp_path / 'copy', status, words)
        check_upload(uploaded(ways, tmp_path), status, words)


def test_a_continuation_token_of_nobody(ways: Mapping[str, Driver], s3: FaultProxy) -> None:
    # moto takes any token; this is what AWS answers.
    said = 'The continuation token provided is incorrect'
    with broken(ways, s3):
        s3.fail(Reply(400, 'InvalidArgument', said), None, kind='list-type')
        outcomes = by_each_way(ways, lambda way: way.list(continuation_token='no token'))
    assert {outcome.status for outcome in outcomes.values()} == {400}, outcomes
    assert len({outcome.error for outcome in outcomes.values()}) == 1, outcomes
    assert said in outcomes['ros'].error


def test_no_network(ways: Mapping[str, Driver], s3: FaultProxy, tmp_path: Path) -> None:
    with broken(ways, s3):
        s3.refuse()
        check_calls(ways, tmp_path / 'copy', 503, 'S3 cannot be reached')
        check_upload(uploaded(ways, tmp_path), 503, 'S3 cannot be reached')
