"""The page for the field with every name, on every screen, in the sun, and without a mouse."""
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from flightlog_bucket.srv import Upload
from flightlog_bucket.web.page import load
from page_visit import corrupt, Visit
import pytest
from robot import Robot
from support.browser import DESKTOP, PHONE, Visitor
from support.expect import wait_until
from support.http_client import HttpClient
from support.logs import write_log

MOST_BYTES = 60_000
LEAST_CONTRAST = 7.0
LEAST_TOUCH_PX = 44.0
MOST_STOPS = 80
# What is left of 1280 by 1024 at 400 %.
ZOOMED = {'width': 320, 'height': 256}
HOSTILE = ('<img src=x onerror=window.caught=1>.ulg', 'a\u202egulp.ulg', 'two\nlines.ulg',
           f'{"n" * 240}.ulg', "'\"><b>&amp;.ulg", '%00%2e%2e\\.ulg', 'اسم.ulg')

_CONTRASTS = """
() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
    if (!text || !node.checkVisibility() || node.closest('.away, .skip, script, style')) continue;
    const pair = [luminance(parse(getComputedStyle(node).color)), luminance(behind(node))];
    pair.sort((a, b) => b - a);
    found.push([(pair[0] + 0.05) / (pair[1] + 0.05), text.slice(0, 40)]);
  }
  return found;
}
"""
_CONTROLS = """
() => [...document.querySelectorAll('button, a[href], input, summary')]
  .filter(node => node.checkVisibility() && !node.closest('.skip'))
  .map(node => {
    const area = (node.type === 'file' ? node.closest('label') : node).getBoundingClientRect();
    return [node.outerHTML.slice(0, 80), area.width, area.height];
  })
"""
# Where something moves by itself: getComputedStyle() tells nothing of the parts of a bar.
_MOVING = """
() => [...document.styleSheets[0].cssRules]
  .flatMap(rule => rule.media ? [...rule.cssRules].map(one => [one, rule.media.mediaText])
                              : [[rule, '']])
  .filter(([rule]) => rule.style?.transitionDuration || rule.style?.scrollBehavior === 'smooth')
  .map(([, media]) => media)
"""
# What the robot has not told: it begins with some.
_FORGET = """
() => { robot.transfers.clear(); draw(); return document.getElementById('more').textContent; }
"""
# What has the focus, and whether that is seen: there is an outline about it, or its label.
_FOCUS = """
() => {
  const node = document.activeElement, seen = node.closest('label.drop') || node;
  const style = getComputedStyle(seen);
  return [node.id || node.getAttribute('aria-label') || node.textContent.trim(),
          style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2];
}
"""


@pytest.fixture
def busy(robot: Robot, http: HttpClient, tmp_path: Path) -> HttpClient:
    """Return a node of which there is something to be seen everywhere."""
    log = write_log(tmp_path / 'stored.mcap')
    assert http.upload(log.name, log.read_bytes()).status == 200
    broken = corrupt(write_log(tmp_path / 'broken.bag'))
    assert robot.call(Upload, file_path=str(broken)).status in (400, 422)
    assert http.post('/robot/pause', {'paused': True}).status == 200
    waiting = write_log(tmp_path / 'waiting.ulg')
    assert robot.call(Upload, file_path=str(waiting), enqueue_only=True).status == 202
    return http


@pytest.fixture
def look(chromium: Any, busy: HttpClient) -> Any:
    """Return what opens the page on a certain screen."""
    visitors: list[Visitor] = []

    def open_page(**options: Any) -> Visit:
        visitors.append(Visitor(chromium, busy.port, **options))
        visit = Visit(visitors[-1].open_live())
        visit.sees(visit.stored('stored.mcap'), 'Complete')
        visit.sees(visit.transfer('waiting.ulg').locator('.chip'), 'Waiting')
        visit.sees(visit.transfer('broken.bag'), 'Not accepted')
        visit.page.evaluate('document.querySelectorAll("details").forEach(d => d.open = true)')
        return visit
    yield open_page
    for visitor in visitors:
        with visitor:
            pass


def test_page_is_small_and_itself(http: HttpClient) -> None:
    answer = http.get('/')
    assert answer.headers['content-type'] == 'text/html; charset=utf-8'
    assert answer.headers['content-security-policy'] == load().policy
    assert "script-src 'sha256-" in load().policy
    assert 'unsafe' not in load().policy
    assert len(answer.body) < MOST_BYTES
    text = answer.body.decode()
    assert 'innerHTML' not in text
    assert ' style="' not in text


def test_policy_is_enforced(visitor: Visitor, http: HttpClient) -> None:
    page = visitor.open_live()
    page.evaluate("""() => {
      const script = document.createElement('script');
      try { script.textContent = 'window.caught = 1'; } catch { window.refused = true; }
      try { document.body.append(script); } catch { window.refused = true; }
      document.body.setAttribute('style', 'color: red');
    }""")
    assert page.evaluate('window.caught') is None
    wanted = 'refused by'
    page.wait_for_timeout(0)
    assert visitor.faults
    assert all(wanted in fault or 'Content Security Policy' in fault or 'TrustedScript' in fault
               for fault in visitor.faults), visitor.faults
    visitor.faults.clear()


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_contrast(look: Callable[..., Visit], scheme: str) -> None:
    visit = look(color_scheme=scheme, viewport=PHONE)
    before = visit.page.evaluate(_CONTRASTS)
    assert len(before) > 40
    assert [pair for pair in before if pair[0] < LEAST_CONTRAST] == []
    visit.page.locator('#theme').click()
    after = visit.page.evaluate(_CONTRASTS)
    assert [pair for pair in after if pair[0] < LEAST_CONTRAST] == []
    assert visit.page.evaluate('document.documentElement.dataset.theme') != scheme


@pytest.mark.parametrize('viewport', [PHONE, ZOOMED, DESKTOP])
def test_nothing_is_wider_than_the_screen_nor_too_small_to_be_touched(
        look: Callable[..., Visit], viewport: dict[str, int]) -> None:
    visit = look(viewport=viewport)
    width = visit.page.evaluate('document.documentElement.scrollWidth')
    assert width <= viewport['width']
    small = [control for control in visit.page.evaluate(_CONTROLS)
             if min(control[1:]) < LEAST_TOUCH_PX]
    assert small == []
    stays = visit.page.evaluate('getComputedStyle(document.querySelector(".top")).position')
    assert stays == ('static' if viewport == ZOOMED else 'sticky')
    assert visit.page.evaluate(_MOVING) == ['(prefers-reduced-motion: no-preference)'] * 2


def test_every_control_has_a_name_and_the_headings_are_in_order(
        look: Callable[..., Visit]) -> None:
    visit = look()
    page = visit.page
    for role in ('button', 'link', 'textbox', 'searchbox', 'combobox', 'progressbar'):
        for control in page.get_by_role(role).all():
            said = control.aria_snapshot()
            assert '"' in said, said
    assert page.get_by_role('button', name='Choose logs').count() == 1
    levels = page.evaluate('[...document.querySelectorAll("h1, h2, h3")]'
                           '.filter(h => h.checkVisibility()).map(h => Number(h.tagName[1]))')
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.evaluate('document.documentElement.lang') == 'en'
    ids = page.evaluate('[...document.querySelectorAll("[id]")].map(node => node.id)')
    assert len(ids) == len(set(ids))


def test_all_is_done_by_keyboard(look: Callable[..., Visit]) -> None:
    visit = look()
    page = visit.page
    page.evaluate('scrollTo(0, 0)')
    page.locator('body').press('Tab')
    assert page.evaluate(_FOCUS)[0] == 'Skip to the logs'
    reached = []
    while len(reached) < MOST_STOPS:
        page.keyboard.press('Tab')
        name, is_seen = page.evaluate(_FOCUS)
        is_at_end = page.evaluate('document.activeElement === document.body')
        assert is_seen or is_at_end, name
        if is_at_end or (name in reached and name != reached[-1]):
            break
        reached.append(name)  # a field of a date is as many stops as a date has parts
    for name in ('theme', 'pause', 'retry-all', 'file', 'text', 'topic', 'since', 'until',
                 'Try now: broken.bag', 'Download: 20250727_143022_stored.mcap',
                 'Delete: 20250727_143022_stored.mcap'):
        assert name in reached, reached
    page.locator('#pause').focus()
    page.keyboard.press('Enter')
    visit.sees('#pause', 'Pause uploads')
    visit.sees(visit.transfer('waiting.ulg').locator('.chip'), 'Stored')
    page.get_by_role('button', name='Delete: 20250727_143022_stored.mcap').focus()
    page.keyboard.press('Enter')
    assert page.evaluate('document.activeElement.id') == 'ask-no'
    page.keyboard.press('Tab')
    page.keyboard.press('Enter')
    visit.sees_none(visit.stored('stored.mcap'))


def test_changes_are_announced_and_ticks_are_not(http: HttpClient, visit: Visit,
                                                 tmp_path: Path) -> None:
    page = visit.page
    page.evaluate("""() => {
      window.said = [];
      new MutationObserver(() => { const text = document.getElementById('say').textContent;
        if (text) window.said.push(text); })
        .observe(document.getElementById('say'), {childList: true, subtree: true});
    }""")
    visit.send(write_log(tmp_path / 'flight.ulg'))
    visit.sees(visit.stored('flight.ulg'), 'Complete')
    page.wait_for_function('window.said.length > 0')
    said = page.evaluate('window.said')
    assert any('flight.ulg' in text for text in said), said
    assert len(said) < 6, said
    assert page.locator('[aria-live="assertive"]').count() == 0
    page.evaluate("""() => {
      window.said.length = 0;
      const told = Array.from({length: 13}, (_, at) => ({id: 1000 + at, direction: 'upload',
        name: `many${at}.ulg`, path: '', state: at < 12 ? 'stored' : 'rejected', reason: 'odd'}));
      happened('transfers', {transfers: told, total: 0, whole: false});
    }""")
    # What is stored may be said at that very moment, and then the others come next.
    for words in ('^1[23] logs are stored$', '^many12.ulg is not accepted'):
        page.wait_for_function(f'() => window.said.some(text => /{words}/.test(text))')
    said = page.evaluate('window.said')
    assert 'many12.ulg is not accepted' in ''.join(said[:2]), said
    assert len(said) < 5, said


def test_hostile_names_are_shown_harmlessly(robot: Robot, http: HttpClient, visitor: Visitor,
                                            tmp_path: Path) -> None:
    assert http.post('/robot/pause', {'paused': True}).status == 200
    page = visitor.open_live()
    visit = Visit(page)
    page.set_viewport_size(PHONE)
    logs = [write_log(tmp_path / name) for name in HOSTILE]
    for log in logs:
        assert robot.call(Upload, file_path=str(log), enqueue_only=True).status == 202
    page.locator('#transfers > li').nth(len(HOSTILE) - 1).wait_for()
    shown = '\n'.join(page.locator('#transfers h3').all_inner_texts())
    for text in (HOSTILE[0], 'a\\u202egulp.ulg', 'two\\u000alines.ulg', HOSTILE[4], HOSTILE[5]):
        assert text in shown
    assert page.evaluate('window.caught') is None
    assert page.locator('#transfers img, #transfers b').count() == 0
    assert page.evaluate('document.documentElement.scrollWidth') == PHONE['width']
    tall = page.locator('#transfers h3').evaluate_all(
        'all => Math.max(...all.map(h => h.getBoundingClientRect().height))')
    assert tall < 100
    assert http.post('/robot/pause', {'paused': False}).status == 200
    visit.sees(visit.stored('onerror'), 'Download')
    assert page.evaluate('window.caught') is None
    assert page.evaluate('document.documentElement.scrollWidth') == PHONE['width']


def test_of_many_logs_the_first_hundred_are_shown(robot: Robot, http: HttpClient,
                                                  visitor: Visitor, tmp_path: Path) -> None:
    broken = corrupt(write_log(tmp_path / 'broken.bag'))
    assert robot.call(Upload, file_path=str(broken)).status in (400, 422)
    folder = tmp_path / 'logs'
    folder.mkdir()
    content = write_log(tmp_path / 'one.ulg').read_bytes()
    for number in range(130):
        (folder / f'flight{number:03}.ulg').write_bytes(content + number.to_bytes(2, 'big'))
    assert http.post('/robot/pause', {'paused': True}).status == 200
    robot.switch_off()
    robot.switch_on(watch_directories=[str(folder)], settle_s=0.1).serving()
    http.serving()
    wait_until(lambda: http.get('/robot/transfers').json()['total'] == 131, 60)
    visit = Visit(visitor.open_live())
    visit.sees('#more', 'and 31 more')
    visit.sees(visit.transfer('broken.bag'), 'Not accepted')
    assert visit.page.locator('#transfers > li').count() == 100
    visit.sees('#subline', '130 logs')
    assert visit.page.evaluate(_FORGET) == 'and 131 more'
    visit.sees('#more', 'and 31 more')
    visit.sees(visit.transfer('broken.bag'), 'Not accepted')
