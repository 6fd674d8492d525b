"""The examples of the README for HTTP do what they say, as they are printed."""
from collections.abc import Iterator, Mapping
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
from typing import Any

from flightlog_bucket.sandbox import Sandbox
import pytest
from support.expect import wait_until
from support.http_client import HttpClient, kept_port
from support.logs import write_dated_log

README = (Path(__file__).resolve().parents[2] / 'README.md').read_text('utf-8')
SECTION = README.partition('\n## Over HTTP\n')[2].partition('\n## ')[0]
CURL = [line for block in re.findall(r'```bash\n(.*?)```', SECTION, re.DOTALL)
        for line in block.splitlines() if line.startswith('curl ')]
PUBLIC = [line for line in CURL if 'Authorization' not in line]
TOKEN = 'no-secret-but-a-token'
WAIT_S = 60

pytestmark = pytest.mark.skipif(shutil.which('curl') is None, reason='curl is missing')


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    """Return the log of the examples, of 27 July 2025."""
    return write_dated_log(tmp_path / 'flight.ulg')


def run(line: str, folder: Path, places: Mapping[str, str], *, is_well: bool = True) -> str:
    """Run a line in a folder, with these in the place of what is printed; tell what it says."""
    for printed, place in places.items():
        line = line.replace(printed, place)
    environment = {name: value for name, value in os.environ.items()
                   if not name.lower().endswith('_proxy')}
    more = '-sS' if ' -f' in line else '-sS --fail-with-body'
    done = subprocess.run(['bash', '-euo', 'pipefail', '-c', f'{line} {more}'],
                          cwd=folder, env=environment, timeout=WAIT_S, text=True,
                          capture_output=True, check=False)
    assert (done.returncode == 0) is is_well, (line, done.stdout, done.stderr)
    return done.stdout


def test_a_day_with_curl(http: HttpClient, sandbox: Sandbox, flight: Path,
                         tmp_path: Path) -> None:
    places = {'http://localhost:8080': f'http://localhost:{http.port}',
              '/data/logs/flight.ulg': str(flight)}
    folder = tmp_path / 'here'
    folder.mkdir()
    upload, upload_as, listing, download, resume, delete, info = (
        lambda line=line, **is_well: run(line, folder, places, **is_well) for line in PUBLIC)
    prefix = 'flight_logs/drone-001/20250727_143022_'
    admin, bucket = sandbox.admin_client('s3'), sandbox.options.bucket_name
    for left in admin.list_objects_v2(Bucket=bucket, Prefix=prefix).get('Contents', ()):
        admin.delete_object(Bucket=bucket, Key=left['Key'])  # by tests of the same machine

    assert told(upload())['s3_key'] == f'{prefix}flight.ulg'
    assert told(upload_as())['s3_key'] == f'{prefix}mission_42.ulg'
    keys = [file['key'] for file in told(listing())['files']]
    assert {f'{prefix}flight.ulg', f'{prefix}mission_42.ulg'} <= set(keys)
    download()
    assert (folder / '20250727_143022_mission_42.ulg').read_bytes() == flight.read_bytes()
    (folder / 'flight.ulg').write_bytes(flight.read_bytes()[:1000])
    resume()
    assert (folder / 'flight.ulg').read_bytes() == flight.read_bytes()
    assert told(delete())['s3_key'] == f'{prefix}mission_42.ulg'
    assert f'{prefix}mission_42.ulg' not in listing()
    (folder / '20250727_143022_mission_42.ulg').unlink()
    download(is_well=False)
    assert os.listdir(folder) == ['flight.ulg']  # and no error in the place of the log
    assert told(info())['robot_instance_id'] == 'drone-001'


def test_a_token(start_node: Any, parameters: dict[str, Any], port: int, tmp_path: Path) -> None:
    line, = set(CURL) - set(PUBLIC)
    token = tmp_path / 'http_token'
    token.write_text(f'{TOKEN}\n')
    start_node({**parameters, 'http_port': port, 'http_token_file': str(token)}).serving()
    HttpClient(port).serving()
    places = {'http://drone-001.local:8080': f'http://127.0.0.1:{port}',
              '/etc/flightlog/http_token': str(token)}
    assert told(run(line, tmp_path, places))['robot_instance_id'] == 'drone-001'
    assert HttpClient(port).get('/bucket/info').status == 401


@pytest.fixture
def application(sandbox: Sandbox, tmp_path: Path) -> Iterator[HttpClient]:
    """Return a client of the application in the README."""
    code, = re.findall(r'```python\n(.*?)```', SECTION, re.DOTALL)
    for printed, given in (
            ('"http://session-service:3000/token"', repr(sandbox.session_token_url)),
            ('"my-flight-logs"', repr(sandbox.bucket_name)), ('"us-west-2"', "'us-east-1'"),
            ('"drone-123",\n', f'"drone-123",\n    endpoint_url={sandbox.endpoint_url!r},\n')):
        assert code.count(printed) == 1, printed
        code = code.replace(printed, given)
    (tmp_path / 'app.py').write_text(code)
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get('PYTHONPATH', '')]))
    with kept_port() as port:
        process = subprocess.Popen(
            [sys.executable, '-m', 'uvicorn', 'app:app', '--port', str(port)], cwd=tmp_path,
            env={**os.environ, 'HOME': str(tmp_path), 'PYTHONPATH': path},
            stdin=subprocess.DEVNULL)
        try:
            yield HttpClient(port)
        finally:
            process.terminate()
            process.wait(WAIT_S)


def test_the_application(application: HttpClient, flight: Path) -> None:
    wait_until(lambda: is_served(application), WAIT_S)
    key = told(application.upload('flight.ulg', flight.read_bytes()).body)['s3_key']
    assert key == 'flight_logs/drone-123/20250727_143022_flight.ulg'
    assert application.get(f'/bucket/download/{key}').body == flight.read_bytes()
    assert told(application.ask('DELETE', f'/bucket/delete/{key}').body)['s3_key'] == key


def is_served(client: HttpClient) -> bool:
    try:
        return client.get('/bucket/info').status == 200
    except OSError:
        return False


def told(answer: Any) -> Any:
    """Return what an answer says; it must be one of a success."""
    content = json.loads(answer)
    assert content['success'] is True, content
    return content
