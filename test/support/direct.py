"""``--direct`` as a test uses it: connections that are set by options, and what they told."""
import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
import threading
from typing import Optional

from flightlog_bucket.cli import direct
from flightlog_bucket.cli.backend import Backend, Step


@contextmanager
def connected(**options: str) -> Iterator[Backend]:
    """Give what does the work, set by options, e.g. ``bucket='flight-logs'``."""
    parser = argparse.ArgumentParser()
    direct.add_options(parser)
    words = [word for name, value in options.items()
             for word in (f'--{name.replace("_", "-")}', str(value))]
    with direct.connect(parser.parse_args(words)) as backend:
        yield backend


class Steps(list[Step]):
    """
    What a transfer told.

    :param on_step: is given each
    """

    def __init__(self, on_step: Optional[Callable[[Step], None]] = None) -> None:
        super().__init__()
        self._on_step = on_step
        self._changed = threading.Condition()

    def __call__(self, step: Step) -> None:
        with self._changed:
            self.append(step)
            self._changed.notify_all()
        if self._on_step is not None:
            self._on_step(step)

    def wait_for(self, condition: Callable[[Step], bool], within_s: float = 30.0) -> Step:
        """Return the first step that is so; wait for it."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: next(filter(condition, self), None), within_s)
        assert found is not None, list(self)
        return found

    def check_order(self, total_bytes: int) -> None:
        """Expect that nothing went back, and that nothing was too much."""
        done = [step.done_bytes for step in self]
        assert done == sorted(done)
        assert {step.total_bytes for step in self} == {total_bytes}, list(self)
        assert done[-1] <= total_bytes
        assert all(step.rate >= 0.0 for step in self)
