"""Bags that are looked at again: announced by one thread, looked at by another."""
from pathlib import Path
import threading

from flightlog_bucket.transfers.bag_directory import Announced
from flightlog_bucket.transfers.following import Following
import pytest

BAG, OTHER = Path('/data/bag'), Path('/data/other')


class Due(float):
    """A time; when it is looked at, another bag is announced meanwhile."""

    announcing: threading.Thread

    def _announce(self) -> None:
        if self.announcing.ident is None:
            self.announcing.start()
            self.announcing.join(0.2)  # it has to wait its turn

    def __le__(self, other: float) -> bool:
        self._announce()
        return float(self) <= other

    def __lt__(self, other: float) -> bool:
        self._announce()
        return float(self) < other

    __gt__ = __lt__


@pytest.mark.parametrize('question', ['due', 'next_look_s'])
def test_a_bag_that_is_announced_while_the_others_are_looked_at(question: str) -> None:
    following = Following(10.0, lambda: 1000.0)
    following.follow(BAG, Announced())
    following.follow(BAG.with_name('third'), Announced())
    due = Due(1002.5)
    due.announcing = threading.Thread(target=following.follow, args=(OTHER, Announced()))
    for followed in following._followed.values():
        followed.next_look_s = due
    getattr(following, question)()
    due.announcing.join(20)
    assert OTHER in following
