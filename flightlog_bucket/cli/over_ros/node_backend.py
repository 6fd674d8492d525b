"""What a node does for the command line: its services and its action."""
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
import threading
import time
from typing import Any, Optional

from flightlog_bucket.action import UploadLog
from flightlog_bucket.cli.backend import (
    Downloaded,
    Entry,
    Failure,
    NotReachable,
    OnStep,
    Step,
    Uploaded,
)
from flightlog_bucket.cli.over_ros import messages
from flightlog_bucket.cli.over_ros.finding import Graph, Presence
from flightlog_bucket.cli.over_ros.last_news import LastNews
from flightlog_bucket.cli.over_ros.session import Session, wait_for
from flightlog_bucket.cli.over_ros.topics import Topics
from flightlog_bucket.cli.transfer_view import TransferView
from flightlog_bucket.srv import Delete, Download, Info, List, ListTransfers, Retry
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool

MOST = 1000
"""Of what one answer holds."""
# Many goals, and their answers, may be on their way at once.
_DEEP = QoSProfile(depth=1000)
_POLL_S = 0.25
_ASK_AGAIN_S = 0.5
_LONG_S = 30.0
# An answer is awaited for as long as the node lives; this bounds the wait for one that is stuck.
_ANSWER_S = 600.0
_ACCEPT_S = 60.0
_CANCEL_S = 60.0
_UNKNOWN_GOAL = 0
_COMPLETION_S = 1.5
_MOST_KEYS = 200
_KINDS = {'list': List, 'download': Download, 'delete': Delete, 'set_paused': SetBool,
          'list_transfers': ListTransfers, 'retry': Retry, 'info': Info}


class NodeBackend:
    """
    One node; see ``cli.backend.Backend``.

    :param session: of this process
    :param name: of the node, fully qualified
    :param unsure: set where the node is meant because it seems to be the only one
    """

    def __init__(self, session: Session, name: str, unsure: Optional[Graph] = None) -> None:
        self.name = name
        self._session = session
        self._unsure = unsure
        self._making_sure = threading.Lock()
        self._presence = Presence(session.node, name)
        self._uploads = session.do(lambda: ActionClient(
            session.node, UploadLog, f'{name}/upload_log', goal_service_qos_profile=_DEEP,
            result_service_qos_profile=_DEEP, cancel_service_qos_profile=_DEEP,
            feedback_sub_qos_profile=_DEEP))
        # That of ~/info is the last one, see found().
        self._clients = {
            name_: session.do(partial(session.node.create_client, kind, f'{name}/{name_}',
                                      qos_profile=_DEEP))
            for name_, kind in _KINDS.items()}

    @classmethod
    def found(cls, session: Session, wanted: str, timeout_s: float,
              or_direct: str) -> 'NodeBackend':
        """
        Return the node that is meant, once it hears and is heard.

        A node answers a client that it has not noticed yet into the void. So ~/info is asked
        until it answers: what was made before its client was noticed before.

        :param wanted: its name; empty: the only one that there is
        :raises NotReachable: there is none, or several
        """
        graph = Graph(session.node)
        name = graph.find(wanted, timeout_s, or_direct)
        backend = cls(session, name, None if wanted else graph)
        deadline_s = time.monotonic() + timeout_s
        answers: list[Future[Any]] = []
        while not any(answer.done() for answer in answers):
            if answers and time.monotonic() >= deadline_s:
                raise NotReachable(503, f'{name} does not answer within {timeout_s:g} s; it may'
                                   ' have ended, hang, or be busy: try a longer --timeout'
                                   f'{"" if timeout_s >= _LONG_S else f", e.g. {_LONG_S:g}"}'
                                   + or_direct)
            answers.append(backend._begin('info'))
            wait_for(answers[-1], _ASK_AGAIN_S)
        backend._presence.wait_until_known()
        if wanted:
            graph.check_is_one(name)
        else:  # another one may have been noticed meanwhile
            graph.check_is_only()
        return backend

    def upload(self, path: str, *, name: str, enqueue_only: bool, on_step: OnStep,
               cancel: threading.Event) -> Uploaded:
        """Store a log; a goal waits out what passes, and is cancelled by ``cancel``."""
        said = LastNews(on_step)
        goal = UploadLog.Goal(file_path=messages.as_string(path),
                              custom_filename=messages.as_string(name),
                              enqueue_only=enqueue_only)
        self._make_sure()
        self._check_has(self._uploads.server_is_ready, 'upload_log')
        accepting = self._session.ask(lambda: self._uploads.send_goal_async(
            goal, feedback_callback=lambda told: said.step(messages.step_of(told.feedback))))
        handle = self._answer_to(accepting, within_s=_ACCEPT_S)
        if not handle.accepted:
            raise Failure(503, f'{self.name} has as many uploads as it takes at once; try again'
                          ' when some are done, or give --enqueue')
        ending = self._session.ask(handle.get_result_async)

        def ask_again_in_silence() -> None:
            if said.is_silent():
                self._session.ask(handle.get_result_async, ending)
        self._wait(ending, cancel, meanwhile=ask_again_in_silence)
        if not ending.done():
            self._session.ask(handle.cancel_goal_async)
        return self._outcome_of(self._answer_to(ending, _CANCEL_S, ask_again_in_silence), path)

    def list(self, prefix: str, *, most: Optional[int]) -> Iterator[Entry]:
        """Yield the logs, page by page."""
        token, left = '', most
        while left is None or left > 0:
            page = self._call('list', prefix=messages.as_string(prefix),
                              max_keys=MOST if left is None else min(MOST, left),
                              continuation_token=token)
            yield from map(messages.entry_of, page.files)
            token = page.next_token
            if not token:
                return
            left = None if left is None else left - len(page.files)

    def download(self, key: str, local_path: str, *, overwrite: bool, on_step: OnStep,
                 cancel: threading.Event) -> Downloaded:
        """Fetch a log; the node writes the file."""
        def told(view: TransferView) -> None:
            if (view.key, view.path, view.state) == (key, local_path, 'downloading'):
                on_step(Step(view.state, view.sent_bytes, view.total_bytes, view.rate,
                             view.remaining_s))
        request = {'s3_key': messages.as_string(key), 'overwrite': overwrite,
                   'local_path': messages.as_string(local_path)}
        with Topics(self._session, self.name) as topics:
            topics.follow_transfers(told)
            answer = self._begin('download', **request)
            self._wait(answer, cancel)
            if not answer.done():
                raise Failure(499, f'{key}: {self.name} goes on with the download, and writes'
                              f' {local_path} when it has all')
        done = messages.check(answer.result())
        return Downloaded(done.local_path, done.file_size)

    def delete(self, key: str) -> None:
        """Delete a log from the bucket."""
        self._make_sure()
        self._call('delete', s3_key=messages.as_string(key))

    def info(self, target: str) -> dict[str, object]:
        """Tell all that is known, of a key of this machine or else of a local file too."""
        about = messages.as_string(target)
        if not about:
            return messages.facts_of(self._call('info'), with_file=False, with_object=False)
        is_key = about.startswith(self._call('info').machine_prefix)
        answer = self._call('info', **{'s3_key' if is_key else 'file_path': about})
        return messages.facts_of(answer, with_file=not is_key, with_object=is_key)

    def keys(self) -> Sequence[str]:
        """Return the first keys, if they come soon."""
        answer = self._begin('list', max_keys=_MOST_KEYS)
        if not wait_for(answer, _COMPLETION_S) or not answer.result().success:
            return ()
        return [file.key for file in answer.result().files]

    def transfers(self, states: Sequence[str], path: str) -> tuple[Sequence[TransferView], int]:
        """
        Return uploads as the ledger has them, and how many there are.

        :param states: that are meant; none: all but stored ones
        :param path: of a file, or of the folder of files; empty: of all
        """
        answer = self._call('list_transfers', states=[messages.as_string(s) for s in states],
                            file_path=messages.as_string(path), max_transfers=MOST)
        return [messages.transfer_of(one) for one in answer.transfers], answer.total

    def retry(self, paths: Sequence[str]) -> int:
        """
        Try uploads again now, and return how many.

        :param paths: of the files; none: of all that wait or were rejected
        """
        self._make_sure()
        answer = self._call('retry', file_paths=[messages.as_string(path) for path in paths])
        return int(answer.retried)

    def set_paused(self, paused: bool) -> str:
        """Stop all uploads, or let them go on; return what the node says."""
        self._make_sure()
        answer = self._answer_to(self._begin('set_paused', data=paused))
        if not answer.success:
            raise Failure(500, answer.message)
        return str(answer.message)

    def topics(self) -> Topics:
        """Return what the node publishes, for a ``with``."""
        return Topics(self._session, self.name)

    def is_there(self) -> bool:
        """Tell whether the node still lives, as far as is known."""
        return self._presence.is_there()

    def _call(self, kind: str, **fields: Any) -> Any:
        return messages.check(self._answer_to(self._begin(kind, **fields)))

    def _begin(self, kind: str, **fields: Any) -> 'Future[Any]':
        client = self._clients[kind]
        if kind != 'info':
            self._check_has(client.service_is_ready, kind)
        request = _KINDS[kind].Request(**fields)
        return self._session.ask(lambda: client.call_async(request))

    def _make_sure(self) -> None:
        """
        Check once, before something is changed, that there is no other node that may be meant.

        :raises NotReachable: there is
        """
        with self._making_sure:
            if self._unsure is not None:
                self._unsure.wait_until_quiet()
                self._unsure.check_is_only()
                self._unsure = None

    def _outcome_of(self, answer: Any, path: str) -> Uploaded:
        if answer.status == _UNKNOWN_GOAL:
            raise Failure(503, f'{self.name} does not know any more what became of {path}; see'
                          ' "flightlog info" with it')
        return messages.uploaded_of(answer.result)

    def _answer_to(self, answer: 'Future[Any]', within_s: float = _ANSWER_S,
                   meanwhile: Optional[Callable[[], None]] = None) -> Any:
        deadline_s = time.monotonic() + within_s
        self._wait(answer, until=lambda: time.monotonic() >= deadline_s, meanwhile=meanwhile)
        if not answer.done():
            raise Failure(503, f'{self.name} did not answer within {within_s:.0f} s')
        return answer.result()

    def _wait(self, answer: 'Future[Any]', cancel: Optional[threading.Event] = None,
              until: Optional[Callable[[], bool]] = None,
              meanwhile: Optional[Callable[[], None]] = None) -> None:
        """Wait for an answer until somebody cancels, or it takes too long."""
        while not wait_for(answer, _POLL_S):
            if (cancel and cancel.is_set()) or (until and until()):
                return
            if meanwhile is not None:
                meanwhile()
            if not self._presence.is_there():
                # What it said last may have been on its way.
                with suppress(Exception):
                    answer.exception(_POLL_S)
                if not answer.done():
                    raise Failure(503, f'{self.name} has ended, or cannot be reached any more;'
                                  ' what it has accepted goes on when it is started again')

    def _check_has(self, is_ready: Callable[[], bool], name: str) -> None:
        """Check that the node offers this; the graph may know of it a little later."""
        deadline_s = time.monotonic() + 2.0
        while not is_ready():
            if time.monotonic() >= deadline_s:
                raise Failure(501, f'{self.name} has no ~/{name}: it has ended, or it is older'
                              ' than this command; update it')
            threading.Event().wait(_POLL_S / 5)
