"""What happens on the robot, told as it happens: a real node over real HTTP."""
from contextlib import ExitStack
from pathlib import Path
import time

from flightlog_bucket.srv import Upload
from flightlog_bucket.web import field_answers
from flightlog_bucket.web.events import MOST_CLIENTS
from node_process import NodeProcess
from ros_client import RosClient
from std_srvs.srv import SetBool
from support.event_reader import EventReader, states
from support.expect import wait_until
from support.http_client import HttpClient
from support.logs import write_log

UPLOAD = '/flightlog_bucket/upload'
PAUSE = '/flightlog_bucket/set_paused'


def test_a_log_on_its_way(http: HttpClient, ros: RosClient, tmp_path: Path) -> None:
    # Which of the two comes first is open: of one connection, the other one would be read past.
    with EventReader(http) as events, EventReader(http) as of_state:
        assert events.answer.status == 200
        assert events.answer.headers['Content-Type'].startswith('text/event-stream')
        first = events.until('transfers')
        assert first == {'transfers': [], 'total': 0, 'whole': True}
        ros.call(SetBool, PAUSE, data=True)
        # Others pause as well: by ROS, and on other pages.
        state = of_state.until('state', lambda state: state['paused'])
        field_answers.State(**state)
        log = write_log(tmp_path / 'flight.ulg')
        ros.call(Upload, UPLOAD, file_path=str(log), enqueue_only=True)
        queued = events.until('transfers', lambda data: states(data) == {'flight.ulg': 'queued'})
        assert (queued['whole'], queued['total']) == (False, 1)
        # They are counted one after the other, and again if something has changed meanwhile.
        counted = of_state.until('state', lambda s: (s['counts'] or {}).get('queued') == 1
                                 and s['backlog']['count'] == 1)
        assert counted['backlog'] == {'count': 1, 'bytes': log.stat().st_size}
        ros.call(SetBool, PAUSE, data=False)
        stored = events.until('transfers', lambda data: states(data) == {'flight.ulg': 'stored'})
        assert (stored['whole'], stored['total']) == (False, 0)
        assert stored['transfers'][0]['sent_bytes'] == log.stat().st_size
        of_state.until('state', lambda s: s['counts']['stored'] == 1)


def test_who_comes_late_is_told_all_that_is_open(http: HttpClient, ros: RosClient,
                                                 tmp_path: Path) -> None:
    ros.call(SetBool, PAUSE, data=True)
    for number in range(5):
        path = write_log(tmp_path / f'{number}.ulg')
        ros.call(Upload, UPLOAD, file_path=str(path), enqueue_only=True)
    with EventReader(http) as events:
        first = events.until('transfers')
        assert states(first) == {f'{number}.ulg': 'queued' for number in range(5)}
        assert (first['whole'], first['total']) == (True, 5)


def test_not_more_often_than_a_page_can_show(http: HttpClient, ros: RosClient,
                                             tmp_path: Path) -> None:
    logs = [write_log(tmp_path / f'{number}.ulg') for number in range(20)]
    seen: dict[str, str] = {}
    with EventReader(http) as events:
        events.until('transfers')
        began_s, told = time.monotonic(), 0
        for log in logs:
            ros.call(Upload, UPLOAD, file_path=str(log), enqueue_only=True)
        while set(seen.values()) != {'stored'} or len(seen) < len(logs):
            seen.update(states(events.until('transfers')))
            told += 1
        assert told <= 2 * (time.monotonic() - began_s) + 2


def test_there_is_room_for_some_clients_and_again_when_they_go(http: HttpClient) -> None:
    with ExitStack() as pages:
        readers = [pages.enter_context(EventReader(http)) for _ in range(MOST_CLIENTS)]
        for reader in readers:
            reader.until('state')
        refused = http.get('/robot/events')
        assert refused.status == 503
        assert int(refused.headers['retry-after']) > 0
        assert 'clients are connected already' in refused.json()['error']
        readers[0].close()
        wait_until(lambda: is_told(http))
    wait_until(lambda: is_told(http))


def is_told(http: HttpClient) -> bool:
    with EventReader(http) as events:
        return events.answer.status == 200


def test_the_end_of_the_node_ends_the_stream(http: HttpClient, node_with_http: NodeProcess,
                                             ) -> None:
    with EventReader(http) as events:
        events.until('transfers')
        began_s = time.monotonic()
        node_with_http.stop()
        assert time.monotonic() - began_s < 10
        try:
            while events.next() is not None:
                pass
        except OSError:
            pass  # hung up in the middle of it
