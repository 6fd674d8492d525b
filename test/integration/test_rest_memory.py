"""A log of 400 MiB over HTTP: what the application that passes it on takes."""
from collections.abc import Iterator
import hashlib
import http.client
import json
from pathlib import Path

from flightlog_bucket.settings import MIB
import pytest
from support.foreign_app import ForeignApp
from support.http_client import form
from support.logs import write_big_ulg, write_dated_log
from support.processes import resident_bytes
from support.rclone_server import RcloneServer
from support.session_service import json_answer, ScriptedSessionService

SIZE = 400 * MIB
MOST_BYTES = 48 * MIB
BLOCK = MIB


@pytest.fixture
def app(rclone: RcloneServer, tmp_path: Path) -> Iterator[ForeignApp]:
    """Give the application, which has sent and fetched a log before."""
    with ScriptedSessionService(json_answer(rclone.token_fields())) as service, ForeignApp(
            tmp_path, session_token_url=service.url, bucket_name=rclone.bucket_name,
            robot_instance_id='foreign-memory', endpoint_url=rclone.endpoint_url,
            request_timeout=120) as running:
        small = write_dated_log(tmp_path / 'small.ulg')
        stored = running.client.upload('small.ulg', small.read_bytes()).json()
        running.client.get(f'/bucket/download/{stored["s3_key"]}')
        yield running


@pytest.mark.timeout(300)
def test_memory(app: ForeignApp, tmp_path: Path) -> None:
    large = write_big_ulg(tmp_path / 'large.ulg', SIZE)
    idle = resident_bytes(app.pid)
    key = send(app, large)
    after_upload = resident_bytes(app.pid, 'VmHWM') - idle
    Path(f'/proc/{app.pid}/clear_refs').write_text('5')  # VmHWM begins anew
    received = fetch(app, key)
    after_download = resident_bytes(app.pid, 'VmHWM') - idle
    print(f'grown by {after_upload / MIB:.1f} MiB, then {after_download / MIB:.1f} MiB')
    assert received == digest(large)
    assert max(after_upload, after_download) < MOST_BYTES
    assert app.left == []
    large.unlink()  # pytest keeps the last folders


def send(app: ForeignApp, path: Path) -> str:
    """Send the file, and return its key."""
    empty, kind = form(path.name, b'')
    end = empty[empty.rindex(b'\r\n--'):]
    head = empty[:-len(end)]
    connection = http.client.HTTPConnection('127.0.0.1', app.client.port, timeout=240)
    connection.putrequest('POST', '/bucket/upload')
    connection.putheader('Content-Type', kind)
    connection.putheader('Content-Length', str(len(head) + path.stat().st_size + len(end)))
    connection.endheaders()
    connection.send(head)
    with open(path, 'rb') as stream:
        while block := stream.read(BLOCK):
            connection.send(block)
    connection.send(end)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body
    return str(json.loads(body)['s3_key'])


def fetch(app: ForeignApp, key: str) -> str:
    """Fetch the log, and return its SHA-256."""
    connection = http.client.HTTPConnection('127.0.0.1', app.client.port, timeout=240)
    connection.request('GET', f'/bucket/download/{key}')
    answer = connection.getresponse()
    sha = hashlib.sha256()
    while block := answer.read(BLOCK):
        sha.update(block)
    connection.close()
    return sha.hexdigest()


def digest(path: Path) -> str:
    sha = hashlib.sha256()
    with open(path, 'rb') as stream:
        while block := stream.read(BLOCK):
            sha.update(block)
    return sha.hexdigest()
