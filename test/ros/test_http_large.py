"""400 MiB up and down through a node: little memory, and others are answered meanwhile."""
from collections.abc import Callable, Iterator
import hashlib
import http.client
import json
from pathlib import Path
import secrets
from statistics import median
import threading
import time
from typing import Any

from node_process import NodeProcess
import pytest
from support.http_client import HttpClient
from support.logs import write_big_ulg
from support.processes import resident_bytes
from support.rclone_server import RcloneServer
from support.session_service import json_answer, ScriptedSessionService

StartNode = Callable[..., NodeProcess]
MIB = 1024 ** 2
SIZE = 400 * MIB
BLOCK = MIB
MORE_MEMORY = 48 * MIB
WAIT_S = 180


class Meanwhile:
    """Asks for /bucket/info again and again, and notes how long each answer took."""

    def __init__(self, client: HttpClient) -> None:
        self.took_s: list[float] = []
        self._client = client
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> 'Meanwhile':
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._is_over.wait(0.02):
            began_s = time.monotonic()
            assert self._client.get('/bucket/info').status == 200
            self.took_s.append(time.monotonic() - began_s)


def upload(port: int, log: Path) -> Any:
    boundary = secrets.token_hex(16)
    head = (f'--{boundary}\r\nContent-Disposition: form-data; name="file";'
            f' filename="{log.name}"\r\n\r\n').encode()
    tail = f'\r\n--{boundary}--\r\n'.encode()

    def body() -> Iterator[bytes]:
        yield head
        with open(log, 'rb') as stream:
            while block := stream.read(BLOCK):
                yield block
        yield tail
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=WAIT_S)
    connection.request('POST', '/bucket/upload', body=body(), headers={
        'Content-Type': f'multipart/form-data; boundary={boundary}',
        'Content-Length': str(len(head) + log.stat().st_size + len(tail))})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 200, content
    return json.loads(content)


def download(port: int, key: str) -> str:
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=WAIT_S)
    connection.request('GET', f'/bucket/download/{key}')
    answer, digest = connection.getresponse(), hashlib.sha256()
    assert (answer.status, answer.getheader('content-length')) == (200, str(SIZE))
    while block := answer.read(BLOCK):
        digest.update(block)
    connection.close()
    return digest.hexdigest()


@pytest.mark.timeout(600)
def test_400_mib_up_and_down(start_node: StartNode, parameters: dict[str, Any], port: int,
                             rclone: RcloneServer, tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / 'large.ulg', SIZE)
    with ScriptedSessionService(json_answer(rclone.token_fields())) as service:
        node = start_node({**parameters, 'endpoint_url': rclone.endpoint_url,
                           'session_token_url': service.url, 'bucket_name': rclone.bucket_name,
                           'http_port': port, 'request_timeout': 60}).serving()
        client = HttpClient(port).serving()
        for name in ('first.ulg', 'second.ulg'):  # what is loaded only once is not counted
            small = write_big_ulg(tmp_path / name, 20 * MIB)
            result = client.upload(name, small.read_bytes()).json()
            assert client.get(f'/bucket/download/{result["s3_key"]}').status == 200
        Path(f'/proc/{node.pid}/clear_refs').write_text('5')  # VmHWM begins anew
        idle = resident_bytes(node.pid)
        with Meanwhile(client) as meanwhile:
            key = upload(port, log)['s3_key']
            assert download(port, key) == hashlib.sha256(log.read_bytes()).hexdigest()
        grown = resident_bytes(node.pid, 'VmHWM') - idle
        print(f'{grown / MIB:.1f} MiB more; median {median(meanwhile.took_s) * 1000:.1f} ms of'
              f' {len(meanwhile.took_s)}, at most {max(meanwhile.took_s) * 1000:.0f} ms')
        assert grown < MORE_MEMORY
        assert median(meanwhile.took_s) < 0.1
    for path in (log, *rclone.bucket_path.rglob('*.ulg')):  # pytest keeps the last folders
        path.unlink()
