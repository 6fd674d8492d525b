"""The REST API, over a socket: nothing between it and the test makes a URL or a form nicer."""
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from support.http_client import HttpAnswer, HttpClient

from contract.driver import Outcome, without_names
from contract.proxy_driver import listing, only, settings


class RestDriver:
    """
    Calls a server by HTTP.

    :param client: of the server
    """

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def upload(self, path: Path, custom_filename: str = '', *,
               enqueue_only: bool = False) -> Outcome:
        """Upload a log, with the time at which its recorder has written it."""
        fields = {'last_modified': repr(path.stat().st_mtime)}
        if custom_filename:
            fields['custom_filename'] = custom_filename
        if enqueue_only:
            fields['enqueue_only'] = 'true'
        # As browsers do: https://html.spec.whatwg.org/#multipart-form-data
        name = path.name.replace('\n', '%0A').replace('\r', '%0D').replace('"', '%22')
        answer = _outcome(self._client.upload(name, path.read_bytes(), **fields))
        error = without_names(answer.error, Path(path.name), custom_filename)
        return Outcome(answer.status, error, answer.fields)

    def list(self, *, prefix: str = '', max_keys: int = 0,
             continuation_token: str = '', machine_id: str = '') -> Outcome:
        """List the machine's logs."""
        given = {'prefix': prefix, 'max_keys': max_keys, 'continuation_token': continuation_token,
                 'machine_id': machine_id}
        query = urlencode({name: value for name, value in given.items() if value})
        return listing(_outcome(self._client.get(f'/bucket/list?{query}')))

    def download(self, s3_key: str, target: Path, machine_id: str = '') -> Outcome:
        """Download a log to a file."""
        answer = self._client.get(f'/bucket/download/{quote(s3_key)}{_query(machine_id)}')
        if answer.status != 200:
            return _outcome(answer)
        assert answer.headers['content-disposition'].startswith('attachment')
        target.write_bytes(answer.body)
        return Outcome(200, '', {'file_size': int(answer.headers['content-length'])})

    def delete(self, s3_key: str, machine_id: str = '') -> Outcome:
        """Delete a log."""
        answer = _outcome(self._client.ask(
            'DELETE', f'/bucket/delete/{quote(s3_key)}{_query(machine_id)}'))
        assert answer.error or answer['s3_key'] == s3_key
        return only(answer)

    def waiting(self) -> int:
        """Return how many logs the node has not stored yet."""
        answer = self._client.get('/robot/transfers?states=queued,uploading')
        return int(answer.json()['total'])

    def info(self) -> Outcome:
        """Tell how the server is set."""
        return settings(_outcome(self._client.get('/bucket/info')))


def _query(machine_id: str) -> str:
    return f'?machine_id={quote(machine_id)}' if machine_id else ''


def _outcome(answer: HttpAnswer) -> Outcome:
    """Return the outcome; the body tells the same status as the answer itself."""
    assert answer.headers['content-type'].startswith('application/json'), answer
    content: dict[str, Any] = json.loads(answer.body)
    assert content.pop('status') == answer.status, answer
    if answer.status >= 300:
        assert set(content) == {'error'}, content
        return Outcome(answer.status, content['error'])
    assert content.pop('success') is True
    return Outcome(answer.status, '', content)
