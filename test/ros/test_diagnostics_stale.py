"""/diagnostics while a disk hangs: stale, not silent, and the rest is told."""
from collections.abc import Iterator
from pathlib import Path
import threading
from typing import Any

from diagnostics_listener import DiagnosticsListener, OK, STALE, values_of
from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.operations import health
from flightlog_bucket.operations.health import Health
from flightlog_bucket.parameters.node_settings import settings_from
from flightlog_bucket.ros.diagnostics import Diagnostics
from flightlog_bucket.transfers.disk_space import space_of
from flightlog_bucket.transfers.records import Counts
from flightlog_bucket.transfers.standing import Backlog
import pytest
from rclpy.node import Node


class HangingUploads:
    """Uploads whose ledger hangs when a test says so."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.is_paused = False
        self.problem = ''

    def version(self) -> object:
        self.answers.wait()
        return object()

    def backlog(self) -> Backlog:
        return Backlog(3, 7, 1.0)

    def counts(self) -> Counts:
        return Counts(3, 0, 0, 0)

    def last_errors(self) -> tuple[str, ...]:
        return ()


@pytest.fixture
def uploads() -> Iterator[HangingUploads]:
    hanging = HangingUploads()
    yield hanging
    hanging.answers.set()


@pytest.fixture
def told(ros, uploads, parameters: dict[str, Any], tmp_path: Path
         ) -> Iterator[DiagnosticsListener]:
    settings = settings_from({**parameters, 'state_directory': str(tmp_path),
                              'diagnostics_free_bytes_warn': 0, 'diagnostics_free_bytes_error': 0,
                              'diagnostics_stale_s': 2}, {})
    node = Node('hanging', context=ros.node.context, use_global_arguments=False)
    health_of = Health(settings, FlightLogBucket(settings.bucket), uploads)
    told = Diagnostics(node, settings.bucket.robot_instance_id, health_of)
    executor = ros.node.executor
    executor.add_node(node)
    health_of.start()
    try:
        with DiagnosticsListener(ros, 'hanging') as listener:
            yield listener
    finally:
        told.close()
        health_of.close()
        executor.remove_node(node)
        ros.do(node.destroy_node)


def test_a_ledger_that_hangs(told, uploads) -> None:
    told.wait_for('Queue', OK, '3 logs are not stored yet')
    uploads.answers.clear()
    status = told.wait_for('Queue', STALE, 'the ledger in')
    assert 'before: 3 logs are not stored yet' in status.message
    assert values_of(status)['count'] == '3'
    assert int(values_of(status)['measured_ago_s']) >= 2
    told.wait_for('Disk', OK)
    told.wait_for('Credentials', OK)
    uploads.answers.set()
    told.wait_for('Queue', OK)


def test_a_disk_that_hangs(told, monkeypatch) -> None:
    told.wait_for('Disk', OK)
    answers = threading.Event()

    def hanging(*arguments: Any, **options: Any) -> Any:
        answers.wait()
        return space_of(*arguments, **options)
    monkeypatch.setattr(health, 'space_of', hanging)
    try:
        told.wait_for('Disk', STALE, 'has not answered for')
        told.wait_for('Queue', OK)
    finally:
        answers.set()
    told.wait_for('Disk', OK)
