"""``S3BucketProxy``, the asyncio API."""
import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

from flightlog_bucket import S3BucketProxy

from contract.driver import listed, moment, Outcome, without_names

_WAIT_S = 60.0


class ProxyDriver:
    """
    Calls a proxy, in a loop of its own.

    :param proxy: not started yet
    """

    loop: asyncio.AbstractEventLoop
    """That the proxy works in; a thread runs it."""

    def __init__(self, proxy: S3BucketProxy) -> None:
        self._proxy = proxy
        self._thread = ThreadPoolExecutor(1)
        self.loop = asyncio.new_event_loop()

    def __enter__(self) -> 'ProxyDriver':
        self._thread.submit(self.loop.run_forever)
        self._run(self._proxy.start())
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._run(self._proxy.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.shutdown()
        self.loop.close()

    def upload(self, path: Path, custom_filename: str = '') -> Outcome:
        """Upload a log."""
        answer = self._run(self._proxy.upload_file(path, custom_filename=custom_filename))
        return _outcome(answer, without_names(answer.get('error', ''), path, custom_filename))

    def list(self, *, prefix: str = '', max_keys: int = 0,
             continuation_token: str = '', machine_id: str = '') -> Outcome:
        """List the machine's logs."""
        answer = self._run(self._proxy.list_files(
            machine_id, prefix, max_keys or None, continuation_token))
        return listing(_outcome(answer))

    def download(self, s3_key: str, target: Path, machine_id: str = '') -> Outcome:
        """Download a log to a file."""
        answer = _outcome(self._run(self._proxy.download_file(
            s3_key, target, machine_id, overwrite=True)))
        if not answer.error:
            assert (answer['s3_key'], answer['local_path']) == (s3_key, str(target))
        return only(answer, 'file_size')

    def delete(self, s3_key: str, machine_id: str = '') -> Outcome:
        """Delete a log."""
        answer = _outcome(self._run(self._proxy.delete_file(s3_key, machine_id)))
        assert answer.error or answer['s3_key'] == s3_key
        return only(answer)

    def info(self) -> Outcome:
        """Tell how the proxy is set."""
        return settings(_outcome(self._run(self._proxy.info())))

    def _run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(call, self.loop).result(_WAIT_S)


def _outcome(answer: dict[str, Any], error: str = '') -> Outcome:
    if answer.get('success') is True:
        return Outcome(200, '', {k: v for k, v in answer.items() if k != 'success'})
    assert set(answer) == {'error', 'status'}, answer
    return Outcome(answer['status'], error or answer['error'])


def only(outcome: Outcome, *names: str) -> Outcome:
    """Return the outcome with these of its fields."""
    return Outcome(outcome.status, outcome.error,
                   {name: outcome.fields[name] for name in names if not outcome.error})


def listing(outcome: Outcome) -> Outcome:
    """Return a listing as the others tell it, from the dictionary of the document."""
    if outcome.error:
        return outcome
    assert outcome['count'] == len(outcome['files'])
    files = [{**file, 'last_modified': moment(file['last_modified'])}
             for file in outcome['files']]
    return Outcome(outcome.status, '', {'files': listed(files),
                                        'next_token': outcome['next_token'] or ''})


def settings(outcome: Outcome) -> Outcome:
    """Return the settings as the others tell them, from the dictionary of the document."""
    fields = dict(outcome.fields)
    credentials = fields.pop('credentials')
    assert isinstance(fields.pop('request_timeout'), float)
    return Outcome(outcome.status, '', {
        **fields, 'endpoint_url': fields['endpoint_url'] or '',
        'credential_state': credentials['state'], 'credential_error': credentials['error']})
