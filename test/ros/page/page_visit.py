"""What a person sees and does on the page for the field."""
from pathlib import Path
import re
from typing import Any

from support.browser import WAIT_MS


class Visit:
    """
    One open page.

    :param page: of playwright
    """

    def __init__(self, page: Any) -> None:
        self.page = page

    def send(self, *paths: Any) -> None:
        """Choose files to be sent."""
        self.page.locator('#file').set_input_files([str(path) for path in paths])

    def file(self, name: str) -> Any:
        """Return the row of a file that is sent from here."""
        return self._row('#files', name)

    def transfer(self, name: str) -> Any:
        """Return the row of a log on the robot."""
        return self._row('#transfers', name)

    def stored(self, name: str) -> Any:
        """Return the row of a stored log."""
        return self._row('#found', name)

    def names(self, listed: str = '#found') -> list[str]:
        """Return the names in a list, as they are shown."""
        return self.page.locator(f'{listed} h3').all_inner_texts()

    def press(self, name: str, within: Any = None) -> None:
        """Press the button of that name."""
        (within or self.page).get_by_role('button', name=re.compile(f'^{name}')).click()

    def sees(self, element: Any, text: 'str | re.Pattern[str]') -> None:
        """Wait until an element shows a text."""
        from playwright.sync_api import expect
        element = self.page.locator(element) if isinstance(element, str) else element
        expect(element).to_contain_text(text, timeout=WAIT_MS)

    def sees_none(self, element: Any) -> None:
        """Wait until an element is not shown."""
        element = self.page.locator(element) if isinstance(element, str) else element
        element.wait_for(state='hidden', timeout=WAIT_MS)

    def search(self, **fields: str) -> None:
        """Search the stored logs."""
        for name, value in fields.items():
            self.page.locator(f'#{name}').fill(value)
        self.press('Search')

    def _row(self, listed: str, name: str) -> Any:
        heading = self.page.locator('h3', has_text=name)
        return self.page.locator(f'{listed} > li').filter(has=heading)

def corrupt(bag: Path) -> Path:
    """Damage a bag where its messages are."""
    whole = bag.read_bytes()
    bag.write_bytes(whole[:5000] + bytes(3000) + whole[8000:])
    return bag
