"""What is told of the queue at one moment does not contradict itself."""
from pathlib import Path
from typing import Any, cast

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.operations.health import Health
from flightlog_bucket.operations.health_reports import QueueFacts
from flightlog_bucket.parameters.node_settings import settings_from
from flightlog_bucket.transfers.records import Counts
from flightlog_bucket.transfers.standing import Backlog

UNDER_WAY = Backlog(1, 7, 1.0), Counts(queued=0, uploading=1, stored=0, rejected=0)
STORED = Backlog(0, 0, 0.0), Counts(queued=0, uploading=0, stored=1, rejected=0)


class Uploads:
    """Uploads of which one ends between two questions."""

    problem = ''

    def __init__(self, moments: list[tuple[Backlog, Counts]]) -> None:
        self.asked = 0
        self._moments = moments

    def version(self) -> object:
        return object()

    def backlog(self) -> Backlog:
        return self._now()[0]

    def counts(self) -> Counts:
        return self._now()[1]

    def _now(self) -> tuple[Backlog, Counts]:
        self.asked += 1
        return self._moments[min(self.asked, len(self._moments)) - 1]


def measured(uploads: Uploads, state: Path) -> QueueFacts:
    settings = settings_from({
        'robot_instance_id': 'drone-001', 'bucket_name': 'logs', 'state_directory': str(state),
        'session_token_url': 'http://127.0.0.1:9', 'endpoint_url': 'http://127.0.0.1:9'}, {})
    health = Health(settings, FlightLogBucket(settings.bucket), cast(Any, uploads))
    facts = health._measure_queue()
    assert facts is not None
    return facts


def test_a_log_that_is_stored_between_two_questions_is_not_told_as_both(tmp_path: Path) -> None:
    facts = measured(Uploads([UNDER_WAY, STORED]), tmp_path)
    assert (facts.backlog, facts.counts) == STORED


def test_a_queue_that_never_rests_is_told_all_the_same(tmp_path: Path) -> None:
    uploads = Uploads([UNDER_WAY, STORED] * 50)
    assert measured(uploads, tmp_path).backlog == UNDER_WAY[0]
    assert uploads.asked < 10
