"""``flightlog`` in a terminal: bars, tables, questions and Ctrl-C."""
import os
from pathlib import Path
import re
import signal
import threading
from typing import Any

from command_line import folder_of, objects, parameters_of_own, stored, Terminal
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
from node_process import NodeProcess
import pytest
from ros_client import RosClient
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import Tap
from support.logs import write_big_ulg, write_log

CTRL_C = '\x03'


@pytest.fixture
def parameters(parameters: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Return the parameters of a robot that no other test has."""
    return parameters_of_own(parameters, tmp_path)


@pytest.fixture
def folder(parameters: dict[str, Any]) -> str:
    """Return the folder of this robot in the bucket."""
    return folder_of(parameters)


def test_bars_move_and_leave_a_line_for_each_log(
        start_node: Any, parameters: dict[str, Any], tmp_path: Path, sandbox: Sandbox,
        folder: str) -> None:
    start_node({**parameters, 'max_bandwidth': 2 * MIB}).serving()
    names = [f'{tmp_path.name}{letter}.ulg' for letter in 'ab']
    for number, name in enumerate(names):
        write_big_ulg(tmp_path / name, 6 * MIB, number)
    with Terminal('upload', *names, directory=tmp_path) as terminal:
        terminal.wait_for('0 of 2 done')
        terminal.wait_for(' left')
        assert terminal.wait() == 0
        text = terminal.text
    assert len(objects(sandbox, folder)) == 2
    shown = [int(percent) for percent in re.findall(r'(\d+) % of 6\.3 MB', text)]
    assert any(0 < percent < 100 for percent in shown)
    for name in names:
        assert re.search(rf'^{name}: stored as {folder}\S+{name}, 6\.3 MB *$', text, re.M)
    assert '\x1b[?25h' in terminal.raw.rpartition('\x1b[?25l')[2]  # the cursor is back


def test_bars_say_why_an_upload_waits(node: NodeProcess, tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / f'{tmp_path.name}.ulg', MIB)
    with Terminal('pause') as pause:
        assert pause.wait() == 0
    with Terminal('upload', log, columns=140) as terminal:
        terminal.wait_for('waits: uploads are paused')
        with Terminal('resume') as resume:
            assert resume.wait() == 0
        assert terminal.wait() == 0
        assert ': stored as ' in terminal.text


def test_ctrl_c_cancels_and_the_terminal_is_as_before(
        start_node: Any, parameters: dict[str, Any], tmp_path: Path, sandbox: Sandbox,
        folder: str) -> None:
    start_node({**parameters, 'max_bandwidth': MIB}).serving()
    log = write_big_ulg(tmp_path / f'{tmp_path.name}.ulg', 10 * MIB)
    with Terminal('upload', log) as terminal:
        terminal.wait_for(' % of ')
        terminal.type(CTRL_C)
        assert terminal.wait() == 130
        assert 'cancelling' in terminal.text
        assert 'the upload was cancelled' in ' '.join(terminal.text.split())
        assert '\x1b[?25h' in terminal.raw.rpartition('\x1b[?25l')[2]
    assert objects(sandbox, folder) == []


@pytest.mark.parametrize('command, number', [
    ('watch', signal.SIGTERM), ('upload', signal.SIGTERM), ('upload', signal.SIGHUP)])
def test_a_signal_leaves_the_terminal_as_before(
        start_node: Any, parameters: dict[str, Any], tmp_path: Path, command: str,
        number: signal.Signals) -> None:
    start_node({**parameters, 'max_bandwidth': MIB}).serving()
    log = write_big_ulg(tmp_path / f'{tmp_path.name}.ulg', 10 * MIB)
    with Terminal(command, *([log] if command == 'upload' else [])) as terminal:
        terminal.wait_for(' % of ' if command == 'upload' else '/flightlog_bucket, ')
        os.kill(terminal.pid, number)
        assert terminal.wait() == 128 + number
        assert '\x1b[?25h' in terminal.raw.rpartition('\x1b[?25l')[2]


def test_a_second_ctrl_c_leaves_at_once(start_node: Any, parameters: dict[str, Any],
                                        tmp_path: Path) -> None:
    node = start_node({**parameters, 'max_bandwidth': MIB}).serving()
    log = write_big_ulg(tmp_path / f'{tmp_path.name}.ulg', 10 * MIB)
    with Terminal('upload', log) as terminal:
        terminal.wait_for(' % of ')
        node.send(signal.SIGSTOP)  # so that it cannot answer
        try:
            terminal.wait_for('no news for ')
            terminal.type(CTRL_C)
            terminal.wait_for('cancelling')
            terminal.type(CTRL_C)
            assert terminal.wait() == 130
            assert '\x1b[?25h' in terminal.raw.rpartition('\x1b[?25l')[2]
        finally:
            node.send(signal.SIGCONT)


def test_delete_asks(node: NodeProcess, ros: RosClient, log: Path, sandbox: Sandbox,
                     folder: str) -> None:
    key = stored(ros, log)
    for answer in ('\n', 'n\n', 'yeah\n', '\x04', CTRL_C):
        with Terminal('delete', key) as terminal:
            terminal.wait_for('Delete it from the bucket? [y/N]')
            terminal.type(answer)
            assert terminal.wait() == (130 if answer == CTRL_C else 1)
        assert objects(sandbox, folder) == [key]
        assert ('nothing was deleted' in terminal.text) == (answer != CTRL_C)
    for answer in ('y\n', 'YES\n'):
        key = stored(ros, log)
        with Terminal('delete', key) as terminal:
            terminal.wait_for('[y/N]')
            terminal.type(answer)
            assert terminal.wait() == 0
        assert objects(sandbox, folder) == []


def test_the_list_and_the_queue_are_tables(node: NodeProcess, ros: RosClient, log: Path) -> None:
    key = stored(ros, log)
    with Terminal('list', columns=160) as terminal:
        assert terminal.wait() == 0
        lines = terminal.text.splitlines()
    assert lines[0].split() == ['key', 'size', 'duration', 'messages', 'verdict']
    assert lines[1].split()[0] == key
    assert lines[1].split()[-1] == 'valid'
    assert lines[2].startswith('1 log, ')
    with Terminal('queue', '--all', columns=200) as terminal:
        assert terminal.wait() == 0
        assert re.search(rf'^stored +{log}', terminal.text, re.M)
        assert '1 upload\n' in terminal.text


def test_nothing_in_a_name_reaches_the_terminal(node: NodeProcess, tmp_path: Path) -> None:
    evil = write_log(tmp_path / 'a\n\x1b]0;owned\x07[red]\x9b.ulg')
    for command in (('upload', evil), ('queue', '--all')):
        with Terminal(*command, columns=250) as terminal:
            assert terminal.wait() == 0
        assert not set('\x1b\x07\x9b') & set(terminal.text), command
        assert '[red]' in terminal.text


def test_a_download_shows_how_far_it_is(
        start_node: Any, parameters: dict[str, Any], proxy: FaultProxy, ros: RosClient,
        tmp_path: Path) -> None:
    start_node({**parameters, 'endpoint_url': proxy.url}).serving()
    was_seen = threading.Event()

    def hold(offset: int, block: bytes) -> bytes:
        assert offset < 20 * MIB or was_seen.wait(30)
        return block
    log = write_big_ulg(tmp_path / f'{tmp_path.name}.ulg', 48 * MIB)
    key = stored(ros, log)
    (tmp_path / 'to').mkdir()
    proxy.fail(Tap(answer=hold), None, method='GET', kind='')
    with Terminal('download', key, directory=tmp_path / 'to', columns=160) as terminal:
        terminal.wait_for(' % of 50.3 MB')
        was_seen.set()
        assert terminal.wait() == 0
        assert f'{key}: now in {tmp_path}/to/' in terminal.text
    assert next((tmp_path / 'to').iterdir()).read_bytes() == log.read_bytes()


def test_a_terminal_that_cannot_draw_gets_lines(node: NodeProcess, tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / f'{tmp_path.name}.ulg', MIB)
    with Terminal('upload', log, environment={'TERM': 'dumb'}) as terminal:
        assert terminal.wait() == 0
    assert '\x1b' not in terminal.raw
    assert ': stored as ' in terminal.text


def test_watching_shows_what_goes_on(node: NodeProcess, ros: RosClient, log: Path) -> None:
    with Terminal('watch', columns=200) as terminal:
        terminal.wait_for('/flightlog_bucket, ')
        terminal.wait_for('no transfers')
        stored(ros, log)
        wait_until(lambda: re.search(rf'stored +{log}', terminal.text), 60)
        terminal.wait_for('Queue: ')
        terminal.type(CTRL_C)
        assert terminal.wait() == 130
        assert '\x1b[?25h' in terminal.raw.rpartition('\x1b[?25l')[2]
