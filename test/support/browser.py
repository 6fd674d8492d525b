"""A real browser, in which the page for the field is opened."""
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Optional

import pytest
from tools.browser import find_browser, MISSING

WAIT_MS = 30_000
PHONE = {'width': 360, 'height': 640}
DESKTOP = {'width': 1280, 'height': 900}

_TELL_VIOLATIONS = """
addEventListener('securitypolicyviolation', event =>
  console.error(`refused by ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""
_MAKE_DROP = """
files => {
  const transfer = new DataTransfer();
  for (const [name, content] of files)
    transfer.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name));
  return transfer;
}
"""
# What the network does is the test's own doing, and the page has to say it.
_OF_THE_NETWORK = 'Failed to load resource: '


@contextmanager
def browser() -> Iterator[Any]:
    """Return a browser; skips where it, or what steers it, is missing."""
    steering = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
    program = find_browser()
    if program is None:
        pytest.skip(MISSING)
    with steering.sync_playwright() as playwright:
        # Its sandbox is not for root, who runs tests in containers.
        running = playwright.chromium.launch(executable_path=program, args=['--no-sandbox'])
        try:
            yield running
        finally:
            running.close()


class Visitor:
    """
    Opens pages of one server; at the end, nothing must have gone wrong in any of them.

    :param browser: see ``browser()``
    :param port: of the server, on loopback
    :param options: of playwright's ``new_context``
    """

    def __init__(self, browser: Any, port: int, **options: Any) -> None:
        self.origin = f'http://127.0.0.1:{port}'
        self.faults: list[str] = []
        self._context = browser.new_context(base_url=self.origin,
                                            **{'viewport': DESKTOP, **options})
        self._context.set_default_timeout(WAIT_MS)
        self._context.add_init_script(_TELL_VIOLATIONS)
        self._context.on('console', self._note_message)
        self._context.on('weberror', lambda error: self.faults.append(str(error.error)))
        self._context.on('request', self._note_request)

    def __enter__(self) -> 'Visitor':
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        cookies = self._context.cookies()
        self._context.close()
        if kind is None:
            assert self.faults == []
            assert cookies == []

    def open(self, fragment: str = '') -> Any:
        """Open the page, and wait for nothing."""
        page = self._context.new_page()
        page.goto(f'/{fragment}')
        return page

    def open_live(self, fragment: str = '') -> Any:
        """Open the page, and wait until it shows what happens on the robot."""
        page = self.open(fragment)
        page.locator('#live').wait_for()
        return page

    def _note_message(self, message: Any) -> None:
        if message.type == 'error' and not message.text.startswith(_OF_THE_NETWORK):
            self.faults.append(message.text)

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith((f'{self.origin}/', 'data:')):
            self.faults.append(f'asked for {request.url}')


def drop(page: Any, files: Mapping[str, str]) -> None:
    """
    Drop files onto the page.

    :param files: contents in Base64, by name
    """
    transfer = page.evaluate_handle(_MAKE_DROP, list(files.items()))
    for event in ('dragenter', 'dragover', 'drop'):
        page.dispatch_event('#drop', event, {'dataTransfer': transfer})

