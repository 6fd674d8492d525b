"""The page for the field when things go otherwise than they should."""
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.srv import Upload
from page_visit import Visit
from robot import Robot
from support.browser import Visitor
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.http_client import HttpClient
from support.logs import write_log

_FOCUSED = 'document.activeElement.id'
_NO_STORAGE = """
for (const name of ['sessionStorage', 'localStorage'])
  Object.defineProperty(window, name, {get() { throw new DOMException('no', 'SecurityError'); }});
"""
_HIDE = """
is => {
  Object.defineProperty(document, 'hidden', {value: is, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}
"""


def test_what_is_not_sent_is_not_left_unasked(robot: Robot, visit: Visit,
                                              tmp_path: Path) -> None:
    page, asked = visit.page, []
    page.on('dialog', lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.mouse.click(5, 5)  # of who has done nothing here, a browser asks nothing
    page.locator('#pause').focus()
    robot.switch_off()
    visit.sees('#strip', ' old')
    assert page.evaluate(_FOCUSED) == 'pause'
    assert page.locator('#pause').get_attribute('aria-disabled') == 'true'
    assert page.locator('#strip').get_attribute('role') is None
    assert page.locator('#age').get_attribute('aria-hidden') == 'true'
    visit.send(write_log(tmp_path / 'flight.ulg'))
    visit.sees(visit.file('flight.ulg'), 'Not sent yet: keep this page open')
    page.evaluate('void setTimeout(() => location.reload(), 0)')
    wait_until(lambda: page.wait_for_timeout(50) or asked)
    assert asked[0] == 'beforeunload'
    assert visit.names('#files') == ['flight.ulg']
    visit.press('Remove', visit.file('flight.ulg'))  # nothing is lost now


def test_what_is_shown_is_what_is_stored(sandbox: Sandbox, robot: Robot, http: HttpClient,
                                         visitor: Visitor, tmp_path: Path) -> None:
    admin, key = sandbox.admin_client(), f'{robot.machine_prefix}20250701_120000_foreign.ulg'

    def put(size: int) -> None:
        admin.put_object(Bucket=sandbox.bucket_name, Key=key, Body=b'x' * size)
    put(1000)
    assert robot.call(Upload, file_path=str(write_log(tmp_path / 'flight.ulg'))).success
    visit = Visit(visitor.open_live())
    row = visit.stored('foreign.ulg')
    visit.sees(row, '2025-07-01 12:00 UTC')
    visit.sees(row, '1.0 kB')
    put(5000)
    visit.search()
    visit.sees(row, '5.0 kB')
    admin.delete_object(Bucket=sandbox.bucket_name, Key=key)
    visit.press('Delete', row)
    visit.press('Delete it')
    visit.sees_none(row)  # somebody else was quicker
    assert not visit.page.locator('#wrong').is_visible()

    def cut_off(route: Any) -> None:
        route.fetch()
        route.abort()
    visit.page.route('**/bucket/delete/**', cut_off, times=1)
    visit.press('Delete', visit.stored('flight.ulg'))
    visit.press('Delete it')
    visit.sees('#wrong', 'It is not known whether it was done.')
    visit.press('Close')
    assert visit.page.evaluate(_FOCUSED) == 'headline'
    visit.sees_none(visit.stored('flight.ulg'))
    visit.sees(visit.transfer('flight.ulg').locator('.chip'), 'Deleted')
    visit.sees('#headline', 'All logs are stored')
    visit.sees_none('#retry-all')


def test_storage_goes_and_comes_back_under_a_search(http: HttpClient, visitor: Visitor,
                                                    proxy: FaultProxy, tmp_path: Path) -> None:
    log = write_log(tmp_path / 'flight.mcap')
    assert http.upload(log.name, log.read_bytes()).status == 200
    visit = Visit(visitor.open_live())
    visit.sees(visit.stored('flight.mcap'), 'Download')
    proxy.refuse()
    visit.search(text='flight')
    visit.sees('#note', 'The storage is not reached now.')
    details = visit.page.locator('#note details p')
    assert not details.is_visible()
    visit.page.locator('#note summary').click()
    visit.sees(details, 'S3 cannot be reached')
    visit.sees('#tiles', 'Not reached')  # of that it is told apart from the search
    visit.press('Download', visit.stored('flight.mcap'))
    visit.sees('#wrong', 'The storage is not reached now.')
    visit.press('Close')
    proxy.heal()
    other = write_log(tmp_path / 'other.ulg')
    assert http.upload(other.name, other.read_bytes()).status == 200
    visit.sees_none('#note')


def test_a_tab_that_is_not_looked_at(visit: Visit, objects: Callable[[], dict[str, str]],
                                     tmp_path: Path) -> None:
    page = visit.page
    page.evaluate(_HIDE, True)
    visit.sees_none('#live')
    visit.send(write_log(tmp_path / 'one.ulg'), write_log(tmp_path / 'two.mcap'))
    for name in ('one.ulg', 'two.mcap'):
        visit.sees(visit.file(name), 'On the robot')
    wait_until(lambda: len(objects()) == 2)
    page.evaluate(_HIDE, False)
    visit.sees('#live', 'Live')
    visit.sees(visit.stored('two.mcap'), 'Download')
    page.add_init_script(_NO_STORAGE)  # as in a browser that may keep nothing
    page.reload()
    visit.sees('#live', 'Live')
    visit.press('Use dark')
    assert page.evaluate('document.documentElement.dataset.theme') == 'dark'


def test_what_is_deleted_is_not_listed_again_by_a_look_that_began_before(
        visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    visit.send(write_log(tmp_path / 'one.ulg'), write_log(tmp_path / 'two.mcap'))
    for name in ('one.ulg', 'two.mcap'):
        visit.sees(visit.stored(name), 'Download')
    held: list[Any] = []
    page.route('**/robot/logs?*', lambda route: held.append((route, route.fetch())))
    page.evaluate("""() => {
      lookSoon = () => {};  // of itself, it looks again in a moment
      clearTimeout(search.timer);
      window.looked = look(false);
    }""")
    wait_until(lambda: page.wait_for_timeout(50) or held)
    visit.press('Delete', visit.stored('one.ulg'))
    visit.press('Delete it')
    visit.sees_none(visit.stored('one.ulg'))
    route, answer = held[-1]
    route.fulfill(response=answer)
    page.evaluate('window.looked')
    assert [name[16:] for name in visit.names()] == ['two.mcap']


def test_what_is_answered_late_is_not_shown_on_a_locked_page(visit: Visit,
                                                             tmp_path: Path) -> None:
    page = visit.page
    visit.press('Pause uploads')
    visit.sees('#headline', 'Uploads are paused')
    visit.send(write_log(tmp_path / 'secret-mission.ulg'))
    visit.sees(visit.transfer('secret-mission.ulg'), 'Waiting')
    held: list[Any] = []
    page.route('**/robot/transfers?*', lambda route: held.append((route, route.fetch())))
    page.evaluate('() => { robot.transfers.clear(); robot.filled = 0; window.filled = fillUp(); }')
    wait_until(lambda: page.wait_for_timeout(50) or held)
    page.evaluate('lock()')
    route, answer = held[0]
    route.fulfill(response=answer)
    page.evaluate('window.filled')
    assert page.evaluate('robot.transfers.size') == 0
    assert 'secret-mission' not in page.locator('#transfers').text_content()


def test_a_discarded_log_is_counted_out_once(visit: Visit) -> None:
    page = visit.page
    page.route('**/robot/discard', lambda route: route.fulfill(json={'discarded': 1}))
    page.evaluate("""() => {
      const told = [1, 2].map(id => ({id, direction: 'upload', name: `${id}.bag`, path: '',
        state: 'rejected', reason: 'odd', is_received: true}));
      happened('transfers', {transfers: told, total: 9, whole: true});
      window.discarding = discard(told[0]);
      happened('transfers', {transfers: told.slice(1), total: 8, whole: true});
    }""")
    visit.press('Discard it')
    page.evaluate('window.discarding')
    assert page.evaluate('robot.total') == 8
