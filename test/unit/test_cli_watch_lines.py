"""What ``flightlog watch`` prints where there is no terminal."""
from datetime import datetime, timedelta, timezone
import json
from typing import Any

from flightlog_bucket.cli.watch_lines import JsonLines, Lines
import pytest
from test_cli_words import view

BEFORE = datetime.now(timezone.utc) - timedelta(hours=1)


class Clock:
    """Seconds that the test says."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Diagnosis:
    """As ``over_ros.topics`` has it, which takes ROS 2."""

    def __init__(self, level: str, message: str, task: str = 'Endpoint') -> None:
        self.task, self.level, self.message = task, level, message


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.split(' ', 2)[2] for line in capsys.readouterr().out.splitlines()]


def past(number: int, **changes: Any) -> Any:
    return view(id=number, path=f'/{number}.ulg', stamp=BEFORE, **changes)


def history(board: Lines) -> None:
    for one in (past(1), past(1, state='uploading', sent_bytes=10), past(1, state='stored'),
                past(2), past(2, state='uploading', sent_bytes=10), past(2, reason='no network'),
                past(3, state='rejected', reason='is empty'), past(4), past(4, state='failed')):
        board.transfer(one)


def test_of_the_past_only_what_is_not_over_is_told_once(
        capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = Lines(clock)
    history(lines)
    lines.tick()
    assert capsys.readouterr().out == ''
    clock.now_s = 1.5
    lines.tick()
    lines.tick()
    assert capsys.readouterr().out.splitlines() == [
        f'{BEFORE:%Y-%m-%d %H:%M:%S} upload /2.ulg: waits: no network',
        f'{BEFORE:%Y-%m-%d %H:%M:%S} upload /3.ulg: rejected: is empty']


def test_the_past_ends_with_the_first_news(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(Clock())
    history(lines)
    now = datetime.now(timezone.utc) + timedelta(seconds=1)
    lines.transfer(view(id=2, path='/2.ulg', state='stored', stamp=now))
    assert capsys.readouterr().out.splitlines() == [
        f'{BEFORE:%Y-%m-%d %H:%M:%S} upload /3.ulg: rejected: is empty',
        f'{now:%Y-%m-%d %H:%M:%S} upload /2.ulg: stored, 1.0 kB']


def test_a_node_whose_clock_is_behind_is_heard_as_well(
        capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = Lines(clock)
    clock.now_s = 6
    lines.transfer(past(1, state='stored'))
    assert told(capsys) == ['upload /1.ulg: stored, 1.0 kB']


def test_programs_get_as_much_of_the_past(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = JsonLines(clock)
    history(lines)
    clock.now_s = 1.5
    lines.diagnostics([])
    for done in (10, 20):
        lines.transfer(past(5, state='uploading', sent_bytes=done))
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one['path'], one['state'], one['sent_bytes']) for one in found] == [
        ('/2.ulg', 'queued', 0), ('/3.ulg', 'rejected', 0), ('/5.ulg', 'uploading', 10),
        ('/5.ulg', 'uploading', 20)]


@pytest.mark.parametrize('kind', [Lines, JsonLines])
def test_diagnostics_are_told_when_they_change(
        kind: type[Lines], capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = kind(clock)
    for second in range(100):
        clock.now_s = second
        lines.diagnostics([Diagnosis('OK', f'S3 answers; it did {second} s ago'),
                           Diagnosis('OK', 'nothing waits', 'Queue')])  # type: ignore[list-item]
    assert len(capsys.readouterr().out.splitlines()) == 2
    for second in range(100, 200):
        clock.now_s = second
        lines.diagnostics([Diagnosis('ERROR', f'for {second} s')])  # type: ignore[list-item]
    lines.diagnostics([Diagnosis('ERROR', 'for 199 s')])  # type: ignore[list-item]
    lines.diagnostics([Diagnosis('OK', 'S3 answers')])  # type: ignore[list-item]
    out = capsys.readouterr().out.splitlines()
    assert ['ERROR' in line for line in out] == [True] * 4 + [False]
    assert ['for 130 s' in line for line in out] == [False, True, False, False, False]
