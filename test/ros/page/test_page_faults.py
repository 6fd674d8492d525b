"""The page for the field where something is missing: the token, the network, the node."""
from pathlib import Path
from typing import Any

from page_visit import Visit
import pytest
from robot import Robot
from support.browser import Visitor
from support.fault_proxy import FaultProxy
from support.http_client import HttpClient
from support.logs import write_big_ulg, write_log

TOKEN = 'word-of-the-field-crew'
MB = 1_000_000


@pytest.fixture
def guarded(robot: Robot, port: int, tmp_path: Path) -> HttpClient:
    """Return a client of a node that asks for a token."""
    file = tmp_path / 'token'
    file.write_text(f'{TOKEN}\n')
    file.chmod(0o600)
    robot.switch_on(http_token_file=str(file)).serving()
    return HttpClient(port, TOKEN).serving()


def _kept(visit: Visit) -> Any:
    return visit.page.evaluate('[{...sessionStorage}, {...localStorage}, document.cookie]')


def test_token_is_asked_for_and_a_wrong_one_is_said(guarded: HttpClient,
                                                    visitor: Visitor) -> None:
    visit = Visit(visitor.open())
    visit.sees('#ask-token', 'This robot asks for a token')
    field = visit.page.get_by_label('Token', exact=True)
    for wrong in ('not the one', 'Ünïcode ☃'):
        field.fill(wrong)
        visit.press('Connect')
        visit.sees('#token-wrong', 'This token is not right.')
    field.fill(TOKEN)
    field.press('Enter')
    visit.sees('#live', 'Live')
    assert _kept(visit) == [{'flightlog.token': TOKEN}, {}, '']
    visit.page.reload()
    visit.sees('#live', 'Live')
    assert not visit.page.locator('#ask-token').is_visible()


def test_token_is_forgotten(guarded: HttpClient, visitor: Visitor, tmp_path: Path) -> None:
    log = write_log(tmp_path / 'secret-mission.mcap')
    guarded.upload(log.name, log.read_bytes())
    visit = Visit(visitor.open_live(f'#token={TOKEN}'))
    visit.sees(visit.stored('secret-mission.mcap'), 'Download')
    sent = write_log(tmp_path / 'more-of-secret-mission.ulg')
    visit.send(sent)
    visit.sees(visit.file(sent.name), 'On the robot')
    visit.search(text='secret-mission')
    visit.press('Forget the token')
    visit.sees('#headline', 'Locked')
    assert visit.page.evaluate('document.activeElement.id') == 'headline'
    assert visit.page.locator('#text').input_value() == ''
    assert visit.page.locator('#tiles').text_content() == ''
    shown = visit.page.content() + visit.page.title()
    assert 'secret-mission' not in shown
    assert 'drone-' not in shown
    assert _kept(visit) == [{}, {}, '']
    visit.press('Enter the token')
    visit.press('Not now')
    visit.sees('#headline', 'Locked')
    assert visit.page.evaluate('document.activeElement.id') == 'unlock'
    visit.press('Enter the token')
    visit.page.get_by_label('Token', exact=True).fill(TOKEN)
    visit.press('Connect')
    visit.sees(visit.stored('secret-mission.mcap'), 'Download')


def test_token_of_the_address(guarded: HttpClient, visitor: Visitor, tmp_path: Path) -> None:
    log = write_log(tmp_path / 'flight.ulg')
    visit = Visit(visitor.open_live(f'#token={TOKEN}'))
    assert visit.page.url == f'{visitor.origin}/'
    assert visit.page.evaluate('history.length') == 2  # about:blank, and the page without token
    visit.send(log)  # all that the page does carries it
    row = visit.stored('flight.ulg')
    visit.sees(row, 'Download')
    with visit.page.expect_download() as download:
        visit.press('Download', row)
    assert Path(download.value.path()).read_bytes() == log.read_bytes()
    assert TOKEN not in download.value.url


def test_wrong_token_of_the_address(guarded: HttpClient, visitor: Visitor) -> None:
    visit = Visit(visitor.open('#token=of-another-robot'))
    visit.sees('#token-wrong', 'The token that was given is not right.')
    assert visit.page.url == f'{visitor.origin}/'
    assert _kept(visit) == [{}, {}, '']


def test_link_to_the_storage_goes_and_comes_back(visit: Visit, proxy: FaultProxy,
                                                 tmp_path: Path) -> None:
    visit.sees('#tiles', 'Connected')
    proxy.refuse()
    visit.send(write_log(tmp_path / 'flight.mcap'))
    visit.sees(visit.file('flight.mcap'), 'On the robot')
    visit.sees('#headline', 'No connection to the storage')
    visit.sees('#subline', '1 log')
    row = visit.transfer('flight.mcap')
    visit.sees(row, 'Waiting')
    visit.sees(row.locator('.reason'), 'reach')
    proxy.heal()
    visit.sees(visit.stored('flight.mcap'), 'Complete')
    visit.sees('#headline', 'All logs are stored')


def test_what_did_not_arrive_is_sent_again(visit: Visit, tmp_path: Path) -> None:
    visit.page.route('**/bucket/upload', lambda route: route.abort())
    visit.send(write_log(tmp_path / 'first.mcap'))
    visit.sees(visit.file('first.mcap'), 'Not sent yet')
    visit.page.unroute('**/bucket/upload')
    visit.sees(visit.stored('first.mcap'), 'Complete')

    refusal = '{"error": "<b>no room</b>", "status": 507}'
    visit.page.route('**/bucket/upload', lambda route: route.fulfill(status=507, body=refusal),
                     times=1)
    visit.send(write_log(tmp_path / 'second.ulg'))
    visit.sees(visit.file('second.ulg'), '<b>no room</b>')
    visit.press('Send again', visit.file('second.ulg'))
    visit.sees(visit.stored('second.ulg'), 'Complete')


def test_what_the_robot_refuses_is_said(visit: Visit) -> None:
    refusal = '{"error": "it must not be paused now", "status": 503}'
    visit.page.route('**/robot/pause', lambda route: route.fulfill(status=503, body=refusal),
                     times=1)
    visit.press('Pause uploads')
    visit.sees('#wrong', 'it must not be paused now')
    visit.press('Close')
    visit.sees_none('#wrong')


def test_robot_goes_and_comes_back(robot: Robot, http: HttpClient, visitor: Visitor,
                                   tmp_path: Path) -> None:
    robot.switch_off()
    robot.switch_on(max_bandwidth=MB).serving()
    http.serving()
    visit = Visit(visitor.open_live())
    visit.send(write_big_ulg(tmp_path / 'large.ulg', 20 * MB))
    row = visit.transfer('large.ulg')
    visit.sees(row, '/s')
    robot.cut_power()
    visit.sees('#strip', 'Connection to the robot lost, trying again')
    visit.sees('#headline', 'Connection to the robot lost')
    visit.sees('#strip', ' old')
    assert '/s' not in row.inner_text()  # no number looks as if it were of now
    assert not visit.page.locator('#live').is_visible()
    assert visit.page.locator('#pause').is_disabled()
    visit.send(write_log(tmp_path / 'meanwhile.mcap'))
    visit.sees(visit.file('meanwhile.mcap'), 'Not sent yet')
    robot.switch_on().serving()
    visit.sees('#live', 'Live')
    visit.sees(visit.stored('meanwhile.mcap'), 'Complete')
    visit.sees(visit.stored('large.ulg'), 'Download')
    visit.sees_none('#strip')
