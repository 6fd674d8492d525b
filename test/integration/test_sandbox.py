"""The sandbox: as strict as S3 where it matters, and gone without a trace."""
from collections.abc import Iterator
from datetime import datetime, timezone
import os
from pathlib import Path
import select
import signal
import socket
import subprocess
import sys
from typing import Any, Optional
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from flightlog_bucket.sandbox import Sandbox, SandboxError
from flightlog_bucket.sandbox.__main__ import main
from flightlog_bucket.sandbox.page_port import page_place
from flightlog_bucket.sandbox.process import package_environment
import pytest
import requests

OWN_KEY = 'flight_logs/drone-001/20250727_143022_a.ulg'
_BOUND_S = 30


@pytest.fixture(scope='module')
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def fetch_token(sandbox: Sandbox) -> dict[str, str]:
    answer = requests.post(sandbox.session_token_url, timeout=_BOUND_S)
    answer.raise_for_status()
    fields: dict[str, str] = answer.json()
    return fields


def client(sandbox: Sandbox, fields: dict[str, str]) -> Any:
    return boto3.client(
        's3', region_name=sandbox.region, endpoint_url=sandbox.endpoint_url,
        aws_access_key_id=fields['accessKeyId'],
        aws_secret_access_key=fields['secretAccessKey'],
        aws_session_token=fields['sessionToken'],
        config=Config(proxies={}, retries={'total_max_attempts': 1}))


def code_of(call: Any, **arguments: Any) -> Optional[str]:
    """Return the error code of S3; None: it is done."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response['Error']['Code'])
    return None


def is_open(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def test_a_session_token_opens_the_bucket(sandbox: Sandbox) -> None:
    s3 = client(sandbox, fetch_token(sandbox))
    s3.put_object(Bucket=sandbox.bucket_name, Key=OWN_KEY, Body=b'content')
    assert s3.get_object(Bucket=sandbox.bucket_name, Key=OWN_KEY)['Body'].read() == b'content'
    assert s3.list_objects_v2(Bucket=sandbox.bucket_name)['KeyCount'] == 1
    s3.delete_object(Bucket=sandbox.bucket_name, Key=OWN_KEY)
    assert s3.list_objects_v2(Bucket=sandbox.bucket_name)['KeyCount'] == 0


@pytest.mark.parametrize(('field', 'code'), [
    ('secretAccessKey', 'SignatureDoesNotMatch'),
    ('sessionToken', 'InvalidToken'),
    ('accessKeyId', 'InvalidAccessKeyId'),
])
def test_a_wrong_part_of_the_token_is_refused(sandbox: Sandbox, field: str, code: str) -> None:
    fields = {**fetch_token(sandbox), field: 'ASIAWRONGWRONGWRONG1'}
    s3 = client(sandbox, fields)
    assert code_of(s3.list_objects_v2, Bucket=sandbox.bucket_name) == code
    assert code_of(s3.put_object, Bucket=sandbox.bucket_name, Key=OWN_KEY, Body=b'x') == code


def test_a_request_without_signature_is_refused(sandbox: Sandbox) -> None:
    url = f'{sandbox.endpoint_url}/{sandbox.bucket_name}/{OWN_KEY}'
    assert not requests.get(url, timeout=_BOUND_S).ok


def test_the_policy_is_the_documents_and_is_enforced(sandbox: Sandbox) -> None:
    statement = sandbox.options.policy()['Statement'][0]  # type: ignore[index]
    assert statement['Action'] == [
        's3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:ListBucket']
    assert statement['Resource'] == ['arn:aws:s3:::flight-logs/*', 'arn:aws:s3:::flight-logs']
    s3 = client(sandbox, fetch_token(sandbox))
    assert code_of(s3.create_bucket, Bucket='another-bucket') == 'AccessDenied'
    assert code_of(s3.list_buckets) == 'AccessDenied'
    assert code_of(s3.delete_bucket, Bucket=sandbox.bucket_name) == 'AccessDenied'
    assert code_of(s3.get_bucket_policy, Bucket=sandbox.bucket_name) == 'AccessDenied'


def test_own_folder_only_closes_the_other_machines_folders() -> None:
    with Sandbox(own_folder_only=True, robot_instance_id='drone-1') as sandbox:
        s3 = client(sandbox, fetch_token(sandbox))
        bucket = sandbox.bucket_name
        assert code_of(s3.put_object, Bucket=bucket, Body=b'x',
                       Key='flight_logs/drone-1/a.ulg') is None
        for key in ('flight_logs/drone-10/a.ulg', 'flight_logs/a.ulg', 'a.ulg'):
            assert code_of(s3.put_object, Bucket=bucket, Key=key, Body=b'x') == 'AccessDenied'
            assert code_of(s3.get_object, Bucket=bucket, Key=key) == 'AccessDenied'


def test_the_session_service_gives_the_documents_fields(sandbox: Sandbox) -> None:
    fields = fetch_token(sandbox)
    assert set(fields) == {'accessKeyId', 'secretAccessKey', 'sessionToken', 'expiration'}
    expiration = datetime.fromisoformat(fields['expiration'].replace('Z', '+00:00'))
    left_s = (expiration - datetime.now(timezone.utc)).total_seconds()
    assert 3600 - _BOUND_S < left_s <= 3600
    assert fetch_token(sandbox)['accessKeyId'] != fields['accessKeyId']


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
def test_the_session_service_takes_post_only(sandbox: Sandbox, method: str) -> None:
    answer = requests.request(method, sandbox.session_token_url, timeout=_BOUND_S)
    assert (answer.status_code, answer.headers['Allow']) == (405, 'POST')
    assert 'Key' not in answer.text


def test_the_session_service_has_one_path(sandbox: Sandbox) -> None:
    url = sandbox.session_token_url
    assert requests.post(f'{url}/more', timeout=_BOUND_S).status_code == 404
    assert requests.post(url, data=b'x' * 100_000, timeout=_BOUND_S).status_code == 413


def test_a_bearer_token_is_asked_for() -> None:
    with Sandbox(bearer_token='open-sesame') as sandbox:
        def post(**headers: str) -> int:
            answer = requests.post(sandbox.session_token_url, headers=headers, timeout=_BOUND_S)
            return answer.status_code
        assert post() == 401
        assert post(Authorization='Bearer close-sesame') == 401
        assert post(Authorization='Bearer open-sesame') == 200
        assert 'sesame' not in repr(sandbox.options)


@pytest.mark.parametrize('code', [
    'ExpiredToken', 'InvalidToken', 'InvalidAccessKeyId', 'AccessDenied'])
def test_tokens_can_be_ended_and_new_ones_work(sandbox: Sandbox, code: str) -> None:
    old = client(sandbox, fetch_token(sandbox))
    assert code_of(old.list_objects_v2, Bucket=sandbox.bucket_name) is None
    sandbox.end_tokens(code)
    assert code_of(old.list_objects_v2, Bucket=sandbox.bucket_name) == code
    assert code_of(old.put_object, Bucket=sandbox.bucket_name, Key='a', Body=b'x') == code
    new = client(sandbox, fetch_token(sandbox))
    assert code_of(new.list_objects_v2, Bucket=sandbox.bucket_name) is None
    sandbox.admin_client().head_bucket(Bucket=sandbox.bucket_name)


def test_a_token_ends_by_itself() -> None:
    with Sandbox(token_lifetime_s=0) as sandbox:
        s3 = client(sandbox, fetch_token(sandbox))
        assert code_of(s3.list_objects_v2, Bucket=sandbox.bucket_name) == 'ExpiredToken'


def test_options_of_the_bucket_are_used() -> None:
    with Sandbox(bucket_name='other-logs', region='eu-central-1', upload_prefix='',
                 robot_instance_id='rover') as sandbox:
        s3 = client(sandbox, fetch_token(sandbox))
        assert s3.list_objects_v2(Bucket='other-logs')['KeyCount'] == 0
        assert sandbox.options.machine_prefix == 'rover/'
        assert sandbox.node_parameters()['region'] == 'eu-central-1'


def test_loopback_only(sandbox: Sandbox) -> None:
    for url in (sandbox.endpoint_url, sandbox.session_token_url):
        assert urlsplit(url).hostname == '127.0.0.1'


def test_a_taken_port_is_said_in_one_line(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.endpoint_url).port
    with pytest.raises(SandboxError, match=f'port {port}: Address already in use'):
        Sandbox(s3_port=port).start()


def test_a_missing_extra_is_said_in_one_line(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / 'moto.py').write_text('raise ImportError("No module named moto")\n')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    with pytest.raises(SandboxError, match=r'No module named moto.*\.\[sandbox\]'):
        Sandbox().start()


def test_nothing_is_left_after_stop() -> None:
    with Sandbox() as sandbox:
        pid, urls = sandbox.pid, (sandbox.endpoint_url, sandbox.session_token_url)
        assert all(is_open(url) for url in urls)
    assert not any(is_open(url) for url in urls)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    sandbox.stop()  # again: no harm
    assert 'not running' in repr(sandbox)


def test_the_environment_of_aws_does_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1')
    monkeypatch.setenv('HTTP_PROXY', 'http://127.0.0.1:1')
    with Sandbox() as sandbox:
        answer = requests.post(sandbox.session_token_url, timeout=_BOUND_S,
                               proxies={'http': ''})
        assert answer.status_code == 200


class Foreground:
    """``python -m flightlog_bucket.sandbox`` as a process."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'flightlog_bucket.sandbox', *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
            env=package_environment(), start_new_session=True)
        self.said = ''

    def __enter__(self) -> 'Foreground':
        try:
            self._read_the_introduction()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def _read_the_introduction(self) -> None:
        assert self.process.stdout is not None
        while 'bag_closed' not in self.said:
            assert select.select([self.process.stdout], [], [], _BOUND_S)[0], self.said
            line = self.process.stdout.readline()
            assert line, self.said
            self.said += line.decode()

    @property
    def urls(self) -> list[str]:
        return [word for word in self.said.split() if word.startswith('http://')]

    def children(self) -> list[int]:
        path = f'/proc/{self.process.pid}/task/{self.process.pid}/children'
        return [int(word) for word in Path(path).read_text().split()]

    def end(self, number: int) -> int:
        """Send the signal; wait for the end of it and of its children."""
        ends = [os.pidfd_open(pid) for pid in self.children()]
        assert ends
        self.process.send_signal(number)
        code = self.process.wait(_BOUND_S)
        for end in ends:
            assert select.select([end], [], [], _BOUND_S)[0], 'a child is left'
            os.close(end)
        return code


@pytest.mark.parametrize(('number', 'code'), [
    (signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0),
    (signal.SIGKILL, -signal.SIGKILL)])
def test_the_program_ends_with_all_it_started(number: int, code: int) -> None:
    with Foreground('--robot-instance-id', 'rover-7') as program:
        assert 'ros2 run flightlog_bucket flightlog_bucket_node --ros-args' in program.said
        assert 'flight_logs/rover-7/' in program.said
        assert 'Traceback' not in program.said
        assert is_open(program.urls[0])
        assert program.end(number) == code
        assert not is_open(program.urls[0])


def test_the_program_prints_no_secret(tmp_path: Path) -> None:
    secret = tmp_path / 'bearer'
    secret.write_text('open-sesame\n')
    with Foreground('--bearer-file', str(secret)) as program:
        assert f'session_token_bearer_file:={secret}' in program.said
        assert 'sesame' not in program.said
        url = next(url for url in program.urls if url.endswith('/session-token'))
        assert requests.post(url, timeout=_BOUND_S).status_code == 401


def test_the_program_says_what_is_wrong(capsys: pytest.CaptureFixture[str],
                                        sandbox: Sandbox, tmp_path: Path) -> None:
    assert main(['--port', str(urlsplit(sandbox.endpoint_url).port)]) == 1
    assert 'Address already in use' in capsys.readouterr().err
    assert main(['--bearer-file', str(tmp_path / 'missing')]) == 1
    assert 'cannot read the secret' in capsys.readouterr().err


@pytest.mark.parametrize('arguments, words', [
    (['--port', '70000'], "argument --port: '70000' is none; a port is 0 to 65535"),
    (['--with-node', '--http-port', '99999'], 'argument --http-port: '),
    (['--with-node', '--http-port', '-1'], 'a port is 0 to 65535'),
    (['--with-node', '--http-port', 'http'], "'http' is none; a port is 0 to 65535"),
    (['--http-port', '8080'], 'add --with-node')])
def test_the_program_says_which_argument_is_wrong(
        capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_port_of_the_page_that_is_taken_is_refused() -> None:
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SandboxError, match=f'--http-port: port {port}: Address already in use'
                                               '; take another one'):
            page_place(port)
    assert page_place(port).port == port
