"""The page for the field, as its user has it: a browser, a node, and S3."""
import base64
from collections.abc import Callable
import hashlib
from pathlib import Path
import re

from flightlog_bucket.srv import Upload
from page_visit import corrupt, Visit
from robot import Robot
from support.browser import drop
from support.expect import wait_until
from support.http_client import HttpClient
from support.logs import START_NS, write_big_ulg, write_log

Objects = Callable[[], dict[str, str]]
DAY_NS = 24 * 3600 * 10**9
MB = 1_000_000


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_log_that_is_sent_is_stored_and_shown(visit: Visit, objects: Objects,
                                                tmp_path: Path) -> None:
    log = write_log(tmp_path / 'flight.mcap')
    visit.sees('#found-empty', 'No log is stored yet.')
    visit.send(log)
    visit.sees(visit.file('flight.mcap'), 'On the robot')
    row = visit.stored('flight.mcap')
    visit.sees(row, 'Complete')
    visit.sees(row, '2025-07-27 14:30 UTC')
    row.locator('summary').click()
    visit.sees(row, '/mavros/local_position/pose')
    visit.sees(row, 'Messages')
    assert list(objects().values()) == [_digest(log)]
    visit.sees('#headline', 'All logs are stored')


def test_several_logs_are_dropped(visit: Visit, objects: Objects, tmp_path: Path) -> None:
    logs = [write_log(tmp_path / name, START_NS + number * DAY_NS)
            for number, name in enumerate(('first.ulg', 'second.bag', 'third.db3'))]
    drop(visit.page, {log.name: base64.b64encode(log.read_bytes()).decode() for log in logs})
    for log in logs:
        visit.sees(visit.stored(log.name), 'Download')
    assert sorted(objects().values()) == sorted(map(_digest, logs))


def test_what_is_no_log_is_not_even_sent(visit: Visit, tmp_path: Path) -> None:
    text, empty = tmp_path / 'notes.txt', tmp_path / 'empty.ulg'
    text.write_text('no log')
    empty.touch()
    visit.page.on('request', lambda request: sent.append(request.url))
    sent: list[str] = []
    visit.send(text, empty)
    visit.sees(visit.file('notes.txt'), 'Not a flight log by its name. The robot takes .ulg')
    visit.sees(visit.file('empty.ulg'), 'This file is empty.')
    assert not [url for url in sent if 'upload' in url]
    visit.press('Remove', visit.file('notes.txt'))
    assert visit.names('#files') == ['empty.ulg']


def test_a_damaged_log_is_refused_with_the_reason_and_can_be_sent_again(
        visit: Visit, objects: Objects, tmp_path: Path) -> None:
    log = write_log(tmp_path / 'flight.bag')
    whole = log.read_bytes()
    visit.send(corrupt(log))
    row = visit.file('flight.bag')
    visit.sees(row, 'Not sent')
    visit.sees(row.locator('.reason'), 'flight.bag')
    assert objects() == {}
    log.write_bytes(whole)
    visit.press('Remove', row)
    visit.send(log)
    visit.sees(visit.stored('flight.bag'), 'Complete')


def test_progress_to_the_storage(robot: Robot, http: HttpClient, visit: Visit,
                                 tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / 'large.ulg', 24 * MB)
    robot.switch_off()
    robot.switch_on(max_bandwidth=2 * MB).serving()
    http.serving()
    visit.sees_none('#strip')
    visit.send(log)
    row = visit.transfer('large.ulg')
    bar = row.get_by_role('progressbar')
    seen: list[float] = []

    def has_moved() -> bool:
        seen.append(bar.evaluate('bar => bar.value'))
        return 0.1 < seen[-1] < 0.9 and seen[-1] > min(seen)
    visit.sees(row, 'Storing')
    wait_until(has_moved)
    assert bar.get_attribute('aria-label') == 'How much of large.ulg is stored'
    visit.sees('#headline', 'Storing 1 log')
    # How fast it is, is not known at every moment.
    visit.sees(row, re.compile(r'\d MB of 24\.0 MB · \d+\.\d [kM]B/s · \d+ s left'))
    visit.sees(visit.stored('large.ulg'), 'Download')
    assert seen == sorted(seen)


def test_a_rejected_log_is_tried_again(robot: Robot, visit: Visit, tmp_path: Path) -> None:
    log = write_log(tmp_path / 'flight.bag')
    whole = log.read_bytes()
    assert robot.call(Upload, file_path=str(corrupt(log))).status in (400, 422)
    row = visit.transfer('flight.bag')
    visit.sees(row, 'Not accepted')
    visit.sees(row.locator('.reason'), 'flight.bag')
    visit.sees('#headline', '1 log not accepted')
    assert row.get_by_role('button', name='Discard').count() == 0  # it is not ours to delete
    log.write_bytes(whole)
    visit.press('Try all now')
    visit.sees(visit.stored('flight.bag'), 'Complete')
    visit.sees_none('#retry-all')
    assert visit.page.evaluate('document.activeElement.id') == 'queue-title'


def test_a_received_log_is_discarded_after_a_question(
        robot: Robot, visit: Visit, tmp_path: Path) -> None:
    visit.press('Pause uploads')
    visit.sees('#headline', 'Uploads are paused')
    visit.send(write_log(tmp_path / 'flight.bag'))
    row = visit.transfer('flight.bag')
    visit.sees(row, 'Waiting')
    received = next((robot.state / 'received').rglob('flight.bag'))
    corrupt(received)
    visit.press('Resume uploads')
    visit.sees(row, 'Not accepted')
    visit.press('Discard', row)
    visit.sees('#ask', 'flight.bag')
    visit.press('Keep it')
    assert received.exists()
    visit.press('Discard', row)
    visit.press('Discard it')
    visit.sees_none(row)
    wait_until(lambda: not received.exists())


def test_pause_and_resume(http: HttpClient, visit: Visit, objects: Objects,
                          tmp_path: Path) -> None:
    visit.press('Pause uploads')
    visit.sees('#headline', 'Uploads are paused')
    assert http.get('/robot/state').json()['paused'] is True
    visit.send(write_log(tmp_path / 'flight.ulg'))
    visit.sees(visit.transfer('flight.ulg'), 'Waiting')
    visit.sees('#subline', '1 log')
    assert objects() == {}
    visit.press('Resume uploads')
    visit.sees(visit.stored('flight.ulg'), 'Complete')
    assert http.get('/robot/state').json()['paused'] is False


def test_download(visit: Visit, tmp_path: Path) -> None:
    log = write_log(tmp_path / 'flight.mcap')
    visit.send(log)
    row = visit.stored('flight.mcap')
    visit.sees(row, 'Download')
    with visit.page.expect_download() as download:
        visit.press('Download', row)
    assert download.value.suggested_filename == '20250727_143022_flight.mcap'
    assert Path(download.value.path()).read_bytes() == log.read_bytes()
    visit.sees('#live', 'Live')


def test_a_stored_log_is_deleted_after_a_question_that_names_it(
        visit: Visit, objects: Objects, tmp_path: Path) -> None:
    visit.send(write_log(tmp_path / 'one.ulg'), write_log(tmp_path / 'other.mcap'))
    for name in ('one.ulg', 'other.mcap'):
        visit.sees(visit.stored(name), 'Delete')
    visit.press('Delete', visit.stored('one.ulg'))
    visit.sees('#ask-name', '20250727_143022_one.ulg')
    visit.page.keyboard.press('Escape')
    visit.press('Delete', visit.stored('one.ulg'))
    visit.page.keyboard.press('Enter')  # the button to keep it has the focus
    assert len(objects()) == 2
    visit.press('Delete', visit.stored('one.ulg'))
    visit.press('Delete it')
    visit.sees_none(visit.stored('one.ulg'))
    assert [Path(key).name for key in objects()] == ['20250727_143022_other.mcap']
    assert visit.page.evaluate('document.activeElement.id') == 'stored-title'


def test_search(visit: Visit, tmp_path: Path) -> None:
    names = ('monday.ulg', 'tuesday.mcap', 'wednesday.mcap')
    visit.send(*(write_log(tmp_path / name, START_NS + number * DAY_NS)
                 for number, name in enumerate(names)))
    for name in names:
        visit.sees(visit.stored(name), 'Download')

    def finds(*expected: str, **fields: str) -> None:
        visit.search(**{'text': '', 'topic': '', 'since': '', 'until': '', **fields})
        visit.page.wait_for_function(
            'names => [...document.querySelectorAll("#found h3")].map(h => h.textContent'
            '.replace(/^[0-9_]+/, "")).sort().join() === names', arg=','.join(sorted(expected)))
    finds('tuesday.mcap', text='tues')
    finds('tuesday.mcap', 'wednesday.mcap', since='2025-07-28')
    finds('monday.ulg', 'tuesday.mcap', until='2025-07-28')
    finds('tuesday.mcap', since='2025-07-28', until='2025-07-28')
    finds('monday.ulg', topic='vehicle_attitude')
    finds('wednesday.mcap', text='mcap', since='2025-07-29')
    finds(text='friday')
    visit.sees('#found-empty', 'No stored log fits this search.')
    visit.search(text='', since='2025-07-29', until='2025-07-28')
    visit.sees('#note', 'The first day is after the last one.')
    assert visit.names() == []
    visit.sees_none('#next')
    assert visit.page.get_by_role('status').filter(has_text='The first day').count() == 1
