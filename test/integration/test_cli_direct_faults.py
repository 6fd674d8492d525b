"""Uploads with ``--direct`` when the network, the process or a second command is in the way."""
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import signal
import subprocess
import sys
from threading import Event
import time
from typing import Any

from flightlog_bucket.cli.backend import Backend, Failure, NotReachable, Uploaded
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.sandbox.process import package_environment
from flightlog_bucket.settings import MIB
import pytest
from support.direct import connected, Steps
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import ACCESS_DENIED, LoseAnswer, Reply, ResetUpload, Tap
from support.logs import write_big_ulg
from support.session_service import Answer, ScriptedSessionService
from support.uploading import Held

Options = dict[str, str]

PART_BYTES = 5 * MIB
BIG_BYTES = 17 * MIB


@pytest.fixture
def options(sandbox: Sandbox, proxy: FaultProxy, machine: str, tmp_path: Path) -> Options:
    """Give what sends part after part by the proxy."""
    config = tmp_path / 'flightlog.yaml'
    config.write_text('/**:\n  ros__parameters:\n    max_concurrent_parts: 1\n'
                      f'    part_size: {PART_BYTES}\n    request_timeout: 10\n')
    return {'config': os.fspath(config), 'bucket': sandbox.bucket_name,
            'endpoint_url': proxy.url, 'session_token_url': sandbox.session_token_url,
            'machine': machine, 'state_directory': os.fspath(tmp_path / 'state')}


@pytest.fixture
def backend(options: Options) -> Iterator[Backend]:
    with connected(**options) as backend:
        yield backend


def upload(backend: Backend, path: Path, steps: Any = None, cancel: Any = None) -> Uploaded:
    return backend.upload(os.fspath(path), name='', enqueue_only=False,
                          on_step=Steps() if steps is None else steps,
                          cancel=cancel or Event())


def stored(admin: Any, options: Options) -> list[str]:
    found = admin.list_objects_v2(Bucket=options['bucket'],
                                  Prefix=f'flight_logs/{options["machine"]}/')
    return [entry['Key'] for entry in found.get('Contents', ())]


def open_uploads(admin: Any, options: Options) -> list[str]:
    found = admin.list_multipart_uploads(Bucket=options['bucket'])
    return [entry['UploadId'] for entry in found.get('Uploads', ())
            if f'/{options["machine"]}/' in entry['Key']]


def stop_after(parts: int, cancel: Event, proxy: FaultProxy) -> None:
    """Let an upload be stopped when so many parts are up, and the next one is on its way."""
    def stop(offset: int, block: bytes) -> bytes:
        cancel.set()
        return block
    proxy.fail(Tap(), parts, method='PUT', kind='uploadId')
    proxy.fail(Tap(request=stop), method='PUT', kind='uploadId')


def test_a_stopped_upload_goes_on_with_the_next_command(
        options: Options, proxy: FaultProxy, big_log: Path, admin: Any) -> None:
    cancel, again = Event(), Steps()
    stop_after(2, cancel, proxy)
    with connected(**options) as first, pytest.raises(Failure) as caught:
        upload(first, big_log, cancel=cancel)
    assert caught.value.status == 499
    assert '10.5 MB of 19.9 MB are up' in str(caught.value)
    assert stored(admin, options) == []
    assert len(open_uploads(admin, options)) == 1
    before = proxy.count('PUT', 'uploadId')
    with connected(**options) as second:
        log = upload(second, big_log, again)
    assert stored(admin, options) == [log.s3_key]
    assert open_uploads(admin, options) == []
    assert proxy.count('PUT', 'uploadId') - before <= 2
    assert next(s for s in again if s.done_bytes).done_bytes >= 2 * PART_BYTES
    again.check_order(big_log.stat().st_size)


def test_a_killed_upload_goes_on_with_the_next_command(
        options: Options, proxy: FaultProxy, big_log: Path, admin: Any) -> None:
    code = ('import sys, threading\n'
            f'sys.path.append({os.fspath(Path(__file__).parents[1])!r})\n'
            'from support.direct import connected, Steps\n'
            f'with connected(**{options!r}) as backend:\n'
            f'    backend.upload({os.fspath(big_log)!r}, name="", enqueue_only=False,\n'
            '                   on_step=Steps(), cancel=threading.Event())\n')
    held = Held(MIB)
    proxy.fail(Tap(), 2, method='PUT', kind='uploadId')  # two parts pass
    proxy.fail(held.fault, None, method='PUT', kind='uploadId')
    child = subprocess.Popen([sys.executable, '-c', code], env=package_environment())
    try:
        assert held.is_held.wait(60)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait(30)
    held.let_go()
    proxy.reset_all()
    before = proxy.count('PUT', 'uploadId')
    with connected(**options) as backend:
        log = upload(backend, big_log)
    assert stored(admin, options) == [log.s3_key]
    assert 1 <= proxy.count('PUT', 'uploadId') - before <= 3
    assert open_uploads(admin, options) == []


def test_it_waits_for_the_network_and_says_so(
        backend: Backend, options: Options, proxy: FaultProxy, log: Path, admin: Any) -> None:
    proxy.refuse()
    steps = Steps()
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(upload, backend, log, steps)
        waiting = steps.wait_for(lambda step: bool(step.reason))
        assert waiting.state == 'queued'
        assert 0.0 < waiting.next_attempt_in_s <= 15.0
        steps.wait_for(lambda step: step.attempts >= 2)
        proxy.heal()
        key = outcome.result(60).s3_key
    assert stored(admin, options) == [key]
    steps.check_order(log.stat().st_size)


def test_a_wait_ends_when_it_is_stopped(backend: Backend, proxy: FaultProxy, log: Path) -> None:
    proxy.refuse()
    steps, cancel = Steps(), Event()
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(upload, backend, log, steps, cancel)
        steps.wait_for(lambda step: bool(step.reason))
        began = time.monotonic()
        cancel.set()
        with pytest.raises(Failure, match='stopped; nothing of it is up yet') as caught:
            outcome.result(30)
    assert caught.value.status == 499
    assert time.monotonic() - began < 10.0


def test_what_is_sent_twice_counts_once(backend: Backend, proxy: FaultProxy,
                                        big_log: Path) -> None:
    proxy.fail(ResetUpload(PART_BYTES // 2), 2, method='PUT', kind='uploadId')
    proxy.fail(LoseAnswer(), 1, method='PUT', kind='uploadId')
    steps = Steps()
    upload(backend, big_log, steps)
    steps.check_order(big_log.stat().st_size)
    assert steps[-1].done_bytes == big_log.stat().st_size


def test_a_mistyped_bucket_is_said_at_once(backend: Backend, proxy: FaultProxy,
                                           log: Path) -> None:
    proxy.fail(Reply(404, 'NoSuchBucket'), None)
    steps = Steps()
    with pytest.raises(Failure, match='there is no bucket') as caught:
        upload(backend, log, steps)
    assert caught.value.status == 404
    assert not any(step.reason for step in steps)


def test_a_refused_session_is_said_at_once(options: Options, log: Path) -> None:
    with ScriptedSessionService(Answer(status=403)) as service, \
            connected(**{**options, 'session_token_url': service.url}) as backend, \
            pytest.raises(Failure, match='session_token_bearer_file') as caught:
        upload(backend, log)
    assert caught.value.status == 401


def test_a_missing_permission_is_said_at_once(backend: Backend, proxy: FaultProxy,
                                              log: Path) -> None:
    proxy.fail(ACCESS_DENIED, None, method='PUT')
    with pytest.raises(Failure) as caught:
        upload(backend, log)
    assert caught.value.status == 403


def test_a_permission_that_goes_in_mid_upload_is_waited_for(
        backend: Backend, proxy: FaultProxy, big_log: Path) -> None:
    proxy.fail(Tap(), 2, method='PUT', kind='uploadId')  # two parts pass
    proxy.fail(ACCESS_DENIED, None, method='PUT')
    steps = Steps(lambda step: proxy.heal() if step.reason else None)
    assert upload(backend, big_log, steps).file_size == big_log.stat().st_size
    assert any(step.reason for step in steps)


def test_a_file_that_is_named_twice_goes_up_once(backend: Backend, proxy: FaultProxy,
                                                 big_log: Path, tmp_path: Path) -> None:
    link = tmp_path / big_log.name
    link.symlink_to(big_log)
    with ThreadPoolExecutor(2) as pool:
        logs = list(pool.map(lambda path: upload(backend, path), (big_log, link)))
    assert logs[0].s3_key == logs[1].s3_key
    assert sorted(log.already_stored for log in logs) == [False, True]
    assert proxy.count('PUT', 'uploadId') == 4


def test_a_second_command_is_told_of_the_first(options: Options, log: Path) -> None:
    with connected(**options) as first, connected(**options) as second:
        upload(first, log)
        with pytest.raises(NotReachable, match='another command') as caught:
            upload(second, log)
        assert '--state-directory' in str(caught.value)
        [entry] = second.list('', most=None)
        assert entry.verdict == '', 'only uploads need the ledger'
        told, settings = second.info(os.fspath(log)), second.info('')
        assert (told['file_state'], told['queued']) == ('unknown', None)
        for said in (told['file_reason'], settings['ledger_problem']):
            assert 'another command is uploading' in str(said)
        assert second.info(entry.key)['object']['key'] == entry.key  # type: ignore[index]
        other = {**options, 'machine': f'{options["machine"]}-b'}
        with connected(**other) as third:
            assert not upload(third, log).already_stored
    with connected(**options) as fourth:
        assert fourth.info(os.fspath(log))['file_state'] == 'stored'
        assert [one.verdict for one in fourth.list('', most=None)] == ['valid']
        assert upload(fourth, log).already_stored


def test_who_reads_the_ledger_is_in_the_way_of_nobody(options: Options, log: Path) -> None:
    with connected(**options) as first:
        upload(first, log)
    with connected(**options) as reader, connected(**options) as writer:
        assert reader.info(os.fspath(log))['stored'] == 1
        entries = reader.list('', most=None)
        assert next(entries).verdict == 'valid'
        assert upload(writer, log).already_stored


def test_what_was_given_up_is_cleared_away(
        session_of_role: Callable[..., ScriptedSessionService], options: Options,
        proxy: FaultProxy, tmp_path: Path, admin: Any) -> None:
    options = {**options, 'session_token_url': session_of_role('s3:*').url}
    copy, cancel = tmp_path / 'flight.ulg', Event()
    write_big_ulg(copy, BIG_BYTES)
    stop_after(1, cancel, proxy)
    with connected(**options) as first, pytest.raises(Failure, match='are up'):
        upload(first, copy, cancel=cancel)
    write_big_ulg(copy, BIG_BYTES, seed=1)
    with connected(**options) as second:
        log = upload(second, copy)
    assert stored(admin, options) == [log.s3_key]
    wait_until(lambda: open_uploads(admin, options) == [])


def test_warnings_are_one_clean_line(options: Options, tmp_path: Path, log: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    bag = tmp_path / 'fl\x1b[2Jight'
    bag.mkdir()
    (bag / 'fl_0.mcap').write_bytes((tmp_path / 'flight.ulg').read_bytes())
    with connected(**options) as backend, pytest.raises(Failure):
        upload(backend, bag)
    said = capsys.readouterr().err
    assert 'metadata.yaml is missing' in said
    assert '\\x1b[2J' in said
    assert '\x1b' not in said
