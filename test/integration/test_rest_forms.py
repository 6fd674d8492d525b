"""Forms that nobody should send, byte by byte: a clear answer, and nothing is left."""
from collections.abc import Iterator
import json
from pathlib import Path
import socket
import threading
import time
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import KIB
import pytest
from support.expect import wait_until
from support.foreign_app import ForeignApp
from support.http_client import form
from support.logs import write_big_ulg, write_dated_log

MACHINE = 'foreign-forms'
BOUNDARY = 'x' * 20
FILE = b'Content-Disposition: form-data; name="file"; filename="a.ulg"\r\n\r\n'
END = f'\r\n--{BOUNDARY}--\r\n'.encode()


@pytest.fixture(scope='module')
def app(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignApp]:
    """Give the application."""
    with ForeignApp(
            tmp_path_factory.mktemp('foreign'), session_token_url=sandbox.session_token_url,
            bucket_name=sandbox.bucket_name, robot_instance_id=MACHINE,
            endpoint_url=sandbox.endpoint_url) as running:
        yield running


@pytest.fixture(autouse=True)
def _all_is_well_afterwards(app: ForeignApp) -> Iterator[None]:
    yield
    wait_until(lambda: app.left == [])
    assert app.client.get('/bucket/info').status == 200
    assert 'Traceback' not in app.log.read_text()


@pytest.fixture(scope='module')
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give a valid log."""
    return write_dated_log(tmp_path_factory.mktemp('log') / 'a.ulg').read_bytes()


def part(headers: bytes, body: bytes) -> bytes:
    return f'--{BOUNDARY}\r\n'.encode() + headers + body + b'\r\n'


def sent(app: ForeignApp, body: bytes, kind: str = f'multipart/form-data; boundary={BOUNDARY}',
         ) -> tuple[int, dict[str, Any]]:
    answer = app.client.ask('POST', '/bucket/upload', body, {'Content-Type': kind})
    return answer.status, answer.json()


def raw(app: ForeignApp, head: bytes, *pieces: bytes, closes: bool = False) -> bytes:
    """Send a request byte by byte; return all that is answered."""
    with app.client.connect() as connection:
        connection.sendall(b'POST /bucket/upload HTTP/1.1\r\nHost: robot\r\nConnection: close\r\n'
                           + head + b'\r\n')
        for piece in pieces:
            connection.sendall(piece)
        if closes:
            connection.shutdown(socket.SHUT_WR)
        answer = b''
        while block := connection.recv(65536):
            answer += block
    return answer


def refused(app: ForeignApp, body: bytes, words: str, status: int = 400) -> None:
    code, result = sent(app, body)
    assert (code, result['status']) == (status, status), result
    assert words in result['error']


def test_the_right_one(app: ForeignApp, content: bytes) -> None:
    status, result = sent(app, part(FILE, content)[:-2] + END)
    assert (status, result['success']) == (200, True)


def test_fields_after_the_file(app: ForeignApp, content: bytes) -> None:
    name = b'Content-Disposition: form-data; name=custom_filename\r\n\r\n'
    _, result = sent(app, part(FILE, content) + part(name, b'late.ulg')[:-2] + END)
    assert result['s3_key'].endswith('_late.ulg')


def test_one_byte_at_a_time(app: ForeignApp, content: bytes) -> None:
    body = part(FILE, content)[:-2] + END
    answer = raw(
        app, f'Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n'.encode()
        + b'Transfer-Encoding: chunked\r\n',
        *(b'1\r\n' + body[at:at + 1] + b'\r\n' for at in range(len(body))), b'0\r\n\r\n')
    assert b'200 OK' in answer
    assert b'"already_stored":true' in answer or b'"already_stored":false' in answer


def test_what_follows_and_goes_before_means_nothing(app: ForeignApp, content: bytes) -> None:
    status, _ = sent(app, b'\r\n' + part(FILE, content)[:-2] + END + b'the end' * 100)
    assert status == 200


@pytest.mark.parametrize('kind', [
    '', 'text/plain', 'application/json', 'multipart/form-data', 'multipart/mixed; boundary=x',
    'multipart/form-data; boundary=', f'multipart/form-data; boundary={"x" * 71}',
    'multipart/form-data; boundary="', 'multipart/form-data; charset=\xff'])
def test_no_such_form(app: ForeignApp, content: bytes, kind: str) -> None:
    status, result = sent(app, part(FILE, content)[:-2] + END, kind)
    assert status == 400
    assert 'form' in result['error']


def test_truncated(app: ForeignApp, content: bytes) -> None:
    whole = part(FILE, content)[:-2] + END
    for length in (0, 5, 22, 60, len(whole) - len(content), len(whole) - 20, len(whole) - 4):
        refused(app, whole[:length], 'the form ends before its last boundary')


@pytest.mark.parametrize('body, words', [
    (part(b'\r\n', b'x'), 'a part of the form has no name'),
    (part(b'Content-Disposition: attachment; name=file\r\n\r\n', b'x'), 'has no name'),
    (part(b'Content-Disposition: form-data\r\n\r\n', b'x'), 'has no name'),
    (part(b'Content-Disposition: form-data; name=other\r\n\r\n', b'x'),
     "the form has a field 'other'; it takes file"),
    (part(b'Content-Disposition: form-data; name=' + b'n' * 60_000 + b'\r\n\r\n', b'x'), ''),
    (part(b'N' * 60_000 + b': x\r\n' + FILE, b'x'), ''),
    (part(b''.join(b'N%d: x\r\n' % n for n in range(20_000)) + FILE, b'x'), ''),
    (part(b'Content-Transfer-Encoding: base64\r\n' + FILE, b'x'), 'is encoded'),
    (part(b'Content Disposition: x\r\n' + FILE, b'x'), 'the form cannot be read'),
    (part(b': x\r\n' + FILE, b'x'), 'the form cannot be read'),
    (b'--' + b'y' * 20 + b'\r\n' + FILE, 'the form cannot be read'),
    (part(b'Content-Disposition: form-data; name=last_modified\r\n\r\n', b'\xff'), 'not UTF-8'),
    (part(FILE, b'') + part(FILE, b''), "more than one field 'file'"),
    (part(b'Content-Disposition: form-data; name=enqueue_only\r\n\r\n', b'true') * 2,
     "more than one field 'enqueue_only'"),
    (part(b'Content-Disposition: form-data; name=custom_filename\r\n\r\n', b'a.ulg'),
     'the form has no field "file"'),
    (b'', 'the form cannot be read'),
], ids=lambda value: value if isinstance(value, str) else f'{len(value)} bytes')
def test_forms_that_are_refused(app: ForeignApp, body: bytes, words: str) -> None:
    refused(app, (body[:-2] if body else b'none') + END, words)


def test_a_hundred_thousand_fields(app: ForeignApp, content: bytes) -> None:
    one = part(b'Content-Disposition: form-data; name=enqueue_only\r\n\r\n', b'true')
    refused(app, one * 100_000 + part(FILE, content)[:-2] + END, 'more than one field')


@pytest.mark.parametrize('junk', [b'\r\n' * 500_000, b'\n' * 1_000_000], ids=['CRLF', 'LF'])
def test_much_that_means_nothing(app: ForeignApp, content: bytes, junk: bytes) -> None:
    refused(app, junk + part(FILE, content)[:-2] + END, 'more than 65536 bytes beside')
    refused(app, part(FILE, content)[:-2] + END + junk, 'more than 65536 bytes beside')


@pytest.mark.parametrize('filename, expected', [
    (b'"a\\"b.ulg"', '_a"b.ulg'), (b'"a%0d%0ab.ulg"', '_a%0d%0ab.ulg'),
    (b'"a\tb.ulg"', '_a_b.ulg'), (b'"a\nb: c.ulg"', '_a_b: c.ulg'), (b'"a\x00b.ulg"', '_a_b.ulg'),
    (b'"..\\\\..\\\\a.ulg"', '_a.ulg'), (b'"/etc/a.ulg"', '_a.ulg'),
    ('"a\u202egpj.ulg"'.encode(), '_a_gpj.ulg'), (b'"a.ulg"; filename*=UTF-8\'\'b.ulg', '.ulg'),
])
def test_tricks_with_names(app: ForeignApp, content: bytes, filename: bytes, expected: str,
                           ) -> None:
    headers = b'Content-Disposition: form-data; name="file"; filename=' + filename + b'\r\n\r\n'
    status, result = sent(app, part(headers, content)[:-2] + END)
    assert status == 200, result
    assert result['s3_key'].endswith(expected)
    assert result['s3_key'].rpartition('/')[0] == f'flight_logs/{MACHINE}'


def test_a_line_end_ends_no_header(app: ForeignApp, content: bytes) -> None:
    headers = (b'Content-Disposition: form-data; name="file"; filename="a.ulg\r\n'
               b'X-Injected: "\r\n\r\n')
    status, result = sent(app, part(headers, content)[:-2] + END)
    assert status in (200, 400)
    assert 'Injected' not in json.dumps(result)


@pytest.mark.parametrize('length', [b'1000000000000', b'2147549184'])
def test_too_long_is_refused_before_it_comes(app: ForeignApp, length: bytes) -> None:
    # Whoever waits for "100 Continue" is told so without having sent a byte.
    with app.client.connect() as connection:
        connection.sendall(
            b'POST /bucket/upload HTTP/1.1\r\nHost: robot\r\nExpect: 100-continue\r\n'
            b'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: ' + length
            + b'\r\n\r\n')
        assert connection.recv(100).startswith(b'HTTP/1.1 413 ')


def test_lengths_that_contradict(app: ForeignApp) -> None:
    kind = b'Content-Type: multipart/form-data; boundary=x\r\n'
    for lengths in (b'Content-Length: x\r\n', b'Content-Length: 5\r\nContent-Length: 6\r\n',
                    b'Content-Length: -1\r\n'):
        assert b'HTTP/1.1 400 ' in raw(app, kind + lengths)


def test_who_sends_on_is_told_why_not(app: ForeignApp) -> None:
    headers = b'Content-Disposition: form-data; name=nonsense\r\n\r\n'
    body = part(headers, bytes(30_000_000))[:-2] + END
    for _ in range(3):
        refused(app, body, "the form has a field 'nonsense'")


def test_who_sends_on_for_long_is_cut_off(app: ForeignApp) -> None:
    with app.client.connect() as connection:
        connection.sendall(
            b'POST /bucket/upload HTTP/1.1\r\nHost: robot\r\nContent-Length: 1900000000\r\n'
            b'Content-Type: text/plain\r\n\r\n')
        answer = connection.recv(65536)
        assert answer.startswith(b'HTTP/1.1 400 ')
        until = time.monotonic() + 60
        with pytest.raises(OSError):
            while time.monotonic() < until:
                connection.sendall(bytes(64 * KIB))
                threading.Event().wait(0.05)


@pytest.mark.parametrize('part_sent', [0.0, 0.5, 0.99])
def test_who_goes_away_leaves_nothing(app: ForeignApp, tmp_path: Path, part_sent: float) -> None:
    body, kind = form('big.ulg', write_big_ulg(tmp_path / 'big.ulg', 20_000_000).read_bytes())
    with app.client.connect() as connection:
        connection.sendall(f'POST /bucket/upload HTTP/1.1\r\nHost: robot\r\nContent-Type: {kind}'
                           f'\r\nContent-Length: {len(body)}\r\n\r\n'.encode())
        connection.sendall(body[:int(len(body) * part_sent)])
        wait_until(lambda: is_idle(app) == (part_sent == 0))
    wait_until(lambda: is_idle(app))
    assert app.left == []


def test_a_killed_process_leaves_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    with ForeignApp(
            tmp_path, session_token_url=sandbox.session_token_url,
            bucket_name=sandbox.bucket_name, robot_instance_id=MACHINE,
            endpoint_url=sandbox.endpoint_url) as app:
        with app.client.connect() as connection:
            head, kind = form('big.ulg', b'')
            connection.sendall(f'POST /bucket/upload HTTP/1.1\r\nHost: robot\r\nContent-Type:'
                               f' {kind}\r\nContent-Length: 9000000\r\n\r\n'.encode())
            connection.sendall(head.rpartition(b'\r\n--')[0] + bytes(4_000_000))
            wait_until(lambda: not is_idle(app))
            app.kill()
        assert app.left == []


def test_many_at_once(app: ForeignApp, tmp_path: Path) -> None:
    answers: list[int] = []
    content = write_big_ulg(tmp_path / 'big.ulg', 2_000_000).read_bytes()

    def send(number: int) -> None:
        answers.append(app.client.upload(f'many{number}.ulg', content).status)
    senders = [threading.Thread(target=send, args=(n,)) for n in range(12)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert answers == [200] * 12


def open_files(pid: int) -> list[str]:
    """Return what the process holds open."""
    names = []
    for entry in Path(f'/proc/{pid}/fd').iterdir():
        try:
            names.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    return names


def is_idle(app: ForeignApp) -> bool:
    """Tell whether it holds no file that was received."""
    return not any(str(app.received) in name for name in open_files(app.pid))
