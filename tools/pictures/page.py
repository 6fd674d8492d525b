"""Photographs of the page for the field, in a browser, of a node that is at work."""
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Browser, Error, Page, sync_playwright
from playwright.sync_api import TimeoutError as TooLate
from tools.browser import find_browser, MISSING
from tools.pictures.desk import Desk, foreign_paths, NotAsExpected, SHOWN_DIRECTORY, TIMEOUT_S

_LOGS = ('survey_north.mcap', 'survey_south.mcap', 'hover.ulg')
_IS_HALF_WAY = """
() => [...document.querySelectorAll('#transfers progress')]
  .some(bar => bar.checkVisibility() && bar.value > 0.25 && bar.value < 0.9)
  && document.querySelector('#transfers .chip.bad')
  && / left/.test(document.getElementById('transfers').textContent)
"""
# Also what is written while the picture is taken.
_SHOW_OTHER_PATHS = """
([from, to]) => {
  const change = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode())
      if (walker.currentNode.data.includes(from))
        walker.currentNode.data = walker.currentNode.data.replaceAll(from, to);
  };
  new MutationObserver(change).observe(document.body, {subtree: true, childList: true});
  change();
}
"""


@dataclass(frozen=True)
class Screen:
    """
    What the page is shown on.

    :param width: in pixels of CSS
    :param height: in pixels of CSS
    :param scale: pixels of the picture for one of CSS
    :param colours: that the person prefers
    """

    width: int
    height: int
    scale: float
    colours: Literal['light', 'dark']


SCREENS = {'page_phone.png': Screen(412, 915, 2, 'light'),
           'page_desktop.png': Screen(1280, 1440, 1.25, 'dark')}


def photographs(desk: Desk) -> dict[str, bytes]:
    """
    Return pictures of the page while logs are uploaded, by the names of their files.

    :param desk: none are taken where it has no page
    :raises NotAsExpected: there is no browser, or the page does not show what it should
    """
    if not desk.page_url:
        return {}
    try:
        with sync_playwright() as playwright, playwright.chromium.launch(
                executable_path=_program(), args=['--no-sandbox']) as browser:
            pages = {name: _opened(browser, desk, screen) for name, screen in SCREENS.items()}
            desk.run('upload', '--enqueue', *_LOGS)
            return {name: _photograph(page, desk) for name, page in pages.items()}
    except (Error, TooLate) as error:
        raise NotAsExpected(f'the page: {error}') from error


def _program() -> str:
    program = find_browser()
    if program is None:
        raise NotAsExpected(MISSING)
    return program


def _opened(browser: Browser, desk: Desk, screen: Screen) -> Page:
    page = browser.new_page(viewport={'width': screen.width, 'height': screen.height},
                            device_scale_factor=screen.scale, color_scheme=screen.colours,
                            reduced_motion='reduce')
    page.set_default_timeout(TIMEOUT_S * 1000)
    page.goto(desk.page_url)
    page.locator('#found > li').first.wait_for()
    return page


def _photograph(page: Page, desk: Desk) -> bytes:
    page.wait_for_function(_IS_HALF_WAY)
    page.evaluate(_SHOW_OTHER_PATHS, [str(desk.directory), SHOWN_DIRECTORY])
    found = foreign_paths(page.locator('body').inner_text())
    if found:
        raise NotAsExpected(f'{", ".join(found)}: paths of this computer are on the page')
    return page.screenshot()
