"""The node starts, answers and idles as it must, whatever the network does."""
import socket
import statistics
import time

from flightlog_bucket.srv import Info, List, Upload
from flightlog_bucket.transfers.attempt import STALLED_S
import pytest
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.logs import write_log
from support.processes import cpu_s

START_S = 1.5
STARTS = 3  # of which one is not slowed by what else runs on this computer
INFO_S = 0.05
CALL_S = 2 + 5 + 3
WINDOWS = 5


@pytest.fixture
def silent_url():
    """Return the URL of a server that accepts connections and never answers."""
    with socket.create_server(('127.0.0.1', 0), backlog=64) as server:
        yield f'http://127.0.0.1:{server.getsockname()[1]}'


def _share(node) -> float:
    began = cpu_s(node.pid), time.monotonic()
    time.sleep(3)  # what is measured, not waited for
    return (cpu_s(node.pid) - began[0]) / (time.monotonic() - began[1])


def _info_s(ros) -> list[float]:
    """Return how long it takes, in each window; the last one is the first that is short enough."""
    medians_s: list[float] = []
    while len(medians_s) < WINDOWS and min(medians_s, default=INFO_S) >= INFO_S:
        durations_s = []
        for _ in range(21):
            began_s = time.monotonic()
            assert ros.call(Info).success
            durations_s.append(time.monotonic() - began_s)
        medians_s.append(statistics.median(durations_s))
    return medians_s


def test_info_while_four_uploads_are_stalled(start_node, parameters, proxy, ros, tmp_path) -> None:
    proxy.black_hole()
    start_node({**parameters, 'endpoint_url': proxy.url, 'request_timeout': 60}).serving()
    logs = [write_log(tmp_path / f'{tmp_path.name}_{n}.ulg') for n in range(5)]
    began_s = time.monotonic()
    answers = [ros.begin(Upload, file_path=str(log)) for log in logs]
    wait_until(lambda: ros.call(Info).uploading >= 4)
    proxy.wait_for_connections(4)
    medians_s = _info_s(ros)
    assert min(medians_s) < INFO_S, medians_s
    info = ros.call(Info)
    assert info.uploading + info.queued == len(logs)
    # Later, one that stands still gives its slot to another.
    assert info.uploading == 4 or time.monotonic() - began_s >= STALLED_S
    assert not any(answer.is_there() for answer in answers)
    proxy.heal()
    assert all(answer.get().success for answer in answers)


def test_info_while_the_session_token_service_is_silent(start_node, parameters, silent_url, ros,
                                                        log) -> None:
    start_node({**parameters, 'session_token_url': silent_url, 'request_timeout': 60}).serving()
    answers = [ros.begin(Upload, file_path=str(log)), ros.begin(List)]
    wait_until(lambda: ros.call(Info).uploading == 1)
    medians_s = _info_s(ros)
    assert min(medians_s) < INFO_S, medians_s
    assert not any(answer.is_there() for answer in answers)


def test_calls_end_in_time_without_network(start_node, parameters, silent_url, ros, log) -> None:
    start_node({**parameters, 'endpoint_url': silent_url, 'request_timeout': 2}).serving()
    ends_s: list[float] = []
    while len(ends_s) < WINDOWS and min(ends_s, default=CALL_S) >= CALL_S:
        answers = [ros.begin(Upload, file_path=str(log)), ros.begin(List)]
        began_s = time.monotonic()
        for answer in answers:
            got = answer.get()
            assert (got.success, got.status) == (False, 503), got.error
            assert got.error
        ends_s.append(time.monotonic() - began_s)
    assert min(ends_s) < CALL_S, ends_s


@pytest.mark.parametrize('session_service', ['refused', 'silent'])
def test_starts_without_network(start_node, parameters, silent_url, ros, session_service) -> None:
    url = silent_url if session_service == 'silent' else 'http://127.0.0.1:9/session-token'
    ages_s = []
    for _ in range(STARTS):
        node = start_node({**parameters, 'session_token_url': url, 'endpoint_url': url}).serving()
        ages_s.append(node.age_s())
        if ages_s[-1] < START_S:
            break
        node.stop()
    assert min(ages_s) < START_S, ages_s
    info = ros.call(Info)
    assert info.success
    assert info.credential_state in ('none', 'failed')
    if session_service == 'refused':
        node.wait_for('no session token yet')


def test_says_when_there_is_a_session_token_at_last(start_node, parameters, sandbox, ros) -> None:
    with FaultProxy(sandbox.session_token_url) as service:
        service.refuse()
        url = f'{service.url}/session-token'
        node = start_node({**parameters, 'session_token_url': url,
                           'retry_max_delay_s': 1}).serving()
        node.wait_for('no session token yet')
        assert ros.call(Info).credential_state == 'failed'
        service.heal()
        node.wait_for('there is a session token now')
    info = ros.call(Info)
    assert (info.credential_state, info.credential_error) == ('valid', '')
    assert info.credential_expires_in_s > 0


def test_too_many_requests_are_refused(start_node, parameters, silent_url, ros) -> None:
    start_node({**parameters, 'endpoint_url': silent_url, 'max_pending_requests': 1,
                'request_timeout': 3}).serving()
    # Some more than there is room for, in case the first ones end before the last ones are sent.
    answers = [ros.begin(List) for _ in range(24)]
    errors = [answer.get().error for answer in answers]
    assert sum('try again' in error for error in errors) >= 3


def test_idles_at_no_cost(node, ros, log) -> None:
    assert ros.call(Upload, file_path=str(log)).success
    shares: list[float] = []
    while len(shares) < WINDOWS and min(shares, default=1.0) >= 0.01:
        shares.append(_share(node))  # what belongs to the upload may be in the first
    assert min(shares) < 0.01, shares
