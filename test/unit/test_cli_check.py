"""``flightlog check``: what a person or a program gets to see."""
from collections.abc import Callable
import json
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
from typing import Any

import corpus
from flightlog_bucket.cli.main import main
from flightlog_bucket.sandbox.process import package_environment
from made_logs import START_NS, ULOG
import made_ulog
import pytest
from support.children import children_of, is_running, nothing_more_open, open_files, OwnChildren
from support.expect import wait_until

writer = pytest.importorskip('mcap.writer')

Check = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Give a function that returns exit code and objects."""
    def check(*arguments: object) -> tuple[int, list[dict[str, Any]]]:
        code = main(['check', '--json', *map(str, arguments)])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return check


@pytest.fixture
def mcap(tmp_path: Path) -> Path:
    """Return a whole MCAP log of 100 messages."""
    return write_mcap(tmp_path / 'flight.mcap')


def write_mcap(path: Path, topic: str = '/chatter') -> Path:
    with open(path, 'wb') as stream:
        made = writer.Writer(stream, chunk_size=1000, compression=writer.CompressionType.NONE)
        made.start('ros2', 'test')
        schema = made.register_schema('std_msgs/msg/String', 'ros2msg', b'string data')
        channel = made.register_channel(topic, 'cdr', schema)
        for number in range(100):
            time_ns = START_NS + number * 10**7
            made.add_message(channel, time_ns, bytes(100), time_ns)
        made.finish()
    return path


def write_cut(path: Path, whole: Path) -> Path:
    path.write_bytes(whole.read_bytes()[:whole.stat().st_size // 2])
    return path


def run(*arguments: object, code: str = '', **options: Any) -> 'subprocess.Popen[str]':
    """Start the command; ``code`` runs before it."""
    program = f'{code}\nimport sys\nfrom flightlog_bucket.cli.main import main\nsys.exit(main())'
    return subprocess.Popen(
        [sys.executable, '-c', program, *map(os.fspath, arguments)],  # type: ignore[arg-type]
        env=package_environment(), text=True,
        **{'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **options})


def test_a_whole_log_is_valid_and_described(check: Check, mcap: Path) -> None:
    code, reports = check(mcap)
    assert code == 0
    assert reports == [{
        'path': str(mcap), 'format': 'mcap', 'verdict': 'valid', 'reason': '',
        'description': {
            'storage': 'mcap', 'start': '2025-07-27T14:30:22.123456Z', 'duration_s': 0.99,
            'message_count': 100, 'compression': 'none',
            'topics': [{'name': '/chatter', 'type': 'std_msgs/msg/String',
                        'message_count': 100}]}}]


def test_people_read_it_in_a_block(capsys: pytest.CaptureFixture[str], mcap: Path) -> None:
    assert main(['check', str(mcap)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f'{mcap}: valid'
    assert all(line.startswith('  ') for line in lines[1:])
    assert {'  start       2025-07-27T14:30:22.123456Z', '  duration    0.990 s',
            '  messages    100', '    /chatter  std_msgs/msg/String  100'} <= set(lines)


def test_a_cut_log_can_be_used(check: Check, capsys: pytest.CaptureFixture[str],
                               mcap: Path) -> None:
    cut = write_cut(mcap.with_name('cut.mcap'), mcap)
    code, [report] = check(cut)
    assert (code, report['verdict']) == (0, 'truncated')
    assert report['reason']
    main(['check', str(cut)])
    assert capsys.readouterr().out.splitlines()[:2] == [
        f'{cut}: truncated', f'  {report["reason"]}']


@pytest.mark.parametrize('level', ['header', 'structure', 'full'])
def test_every_level_can_be_asked_for(check: Check, mcap: Path, level: str) -> None:
    code, [report] = check('--level', level, mcap)
    assert (code, report['verdict'], report['reason']) == (0, 'valid', '')
    assert report['description']['message_count'] == 100


@pytest.mark.parametrize('name, content, verdict, log_format, reason', [
    ('a.bag', ULOG, 'mismatch', 'rosbag1', 'the content is a ULog'),
    ('a.txt', ULOG, 'mismatch', None, 'does not end in .ulg'),
    ('a.ulg', b'', 'corrupt', 'ulog', 'is empty'),
    ('a.ulg', bytes(100), 'corrupt', 'ulog', 'zero bytes'),
    ('a.mcap', b'version https://git-lfs.github.com/spec/v1\n',
     'corrupt', 'mcap', 'git lfs pull'),
])
def test_what_is_no_usable_log_says_why(check: Check, tmp_path: Path, name: str, content: bytes,
                                        verdict: str, log_format: str, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    code, [report] = check(path)
    assert (code, report['verdict'], report['format']) == (1, verdict, log_format)
    assert reason in report['reason']
    assert not report['reason'].startswith(('File validation', 'Invalid file'))


def test_one_bad_log_does_not_hide_the_others(check: Check, mcap: Path) -> None:
    missing = mcap.with_name('missing.mcap')
    code, reports = check(mcap, missing, mcap)
    assert code == 1
    assert [(r['path'], r['verdict']) for r in reports] == [
        (str(mcap), 'valid'), (str(missing), 'unreadable'), (str(mcap), 'valid')]


def test_a_bag_that_its_recorder_did_not_finish_can_be_used(
        check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'flight').mkdir()
    write_mcap(tmp_path / 'flight' / 'flight_0.mcap')
    monkeypatch.chdir(tmp_path / 'flight')
    for given in ('.', '../flight', '../flight/'):
        code, [report] = check(given)
        assert (code, report['path'], report['format'], report['verdict']) == (
            0, given, 'rosbag2', 'truncated')
        assert 'metadata.yaml' in report['reason']


@pytest.mark.parametrize('row', corpus.params(
    [row for row in corpus.everything() if row.format == 'rosbag2_dir']))
def test_a_bag_directory_gets_the_verdict_of_the_manifest(
        check: Check, row: corpus.CorpusFile) -> None:
    code, [report] = check(row.path)
    assert report['format'] == 'rosbag2'
    expected = {'hostile': ('corrupt',), 'edge': ('valid', 'truncated')}.get(
        row.status, (row.status,))
    assert report['verdict'] in expected
    assert code == (0 if report['verdict'] in ('valid', 'truncated') else 1)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


@pytest.mark.timeout(60)
@pytest.mark.parametrize('make', [
    make_pipe, make_socket, Path.mkdir, lambda path: path.symlink_to('/dev/zero'),
    lambda path: path.symlink_to(path), lambda path: path.symlink_to('/dev/tty'),
], ids=['pipe', 'socket', 'directory', 'device', 'loop', 'terminal'])
def test_what_is_no_file_is_unreadable_and_holds_nothing_up(
        check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        make: Callable[[Path], None]) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / 'a.ulg')
    code, [report] = check('a.ulg')
    assert (code, report['verdict'], report['format']) == (
        1, 'unreadable', None if (tmp_path / 'a.ulg').is_dir() else 'ulog')
    assert report['reason']


@pytest.mark.parametrize('given', ['', 'x' * 300 + '.ulg', '/etc/passwd/a.ulg', '.', '/'])
def test_what_cannot_be_a_path_of_a_log_is_unreadable(
        check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.chdir(tmp_path)
    code, [report] = check(given)
    assert (code, report['path'], report['verdict']) == (1, given, 'unreadable')


def test_no_control_characters_reach_the_terminal(
        check: Check, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write_mcap(tmp_path / 'a\n\x1b[2J\x9b\u202eü.mcap', topic='/\x1b]0;owned\x07\r\n/x')
    assert main(['check', str(path), str(path.with_suffix('.bag'))]) == 1
    out = capsys.readouterr().out
    assert 'a\\n\\x1b[2J\\x9b\\u202e\\xfc.mcap: valid' in out
    assert '    /\\x1b]0;owned\\x07\\r\\n/x  std_msgs/msg/String  100' in out
    assert all(char == '\n' or ' ' <= char <= '~' for char in out)
    _, [report] = check(path)
    assert report['path'] == str(path)
    assert report['description']['topics'][0]['name'] == '/\x1b]0;owned\x07\r\n/x'


def test_a_name_that_is_not_utf8_is_a_name(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / os.fsdecode(b'fl\xfcg.mcap'))
    with run('check', path) as people, run('check', '--json', path) as program:
        assert 'fl\\xfcg.mcap: valid' in people.communicate()[0]
        report = json.loads(program.communicate()[0])
    assert (people.returncode, program.returncode) == (0, 0)
    assert os.fsencode(report['path']) == os.fsencode(path)


@pytest.mark.parametrize('arguments', [
    [], ['check'], ['check', '--level', 'deep', 'a.ulg'], ['check', '--no-such', 'a.ulg'],
    ['no-such'], ['check', '--level']])
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith('usage: flightlog')


def test_help_has_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(['check', '--help'])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ('examples:', 'exit code:', 'truncated', '.mcap.zstd'))
    codes = out[out.index('exit code:'):out.index('examples:')]
    assert all(code in codes for code in ('0 ', '1 ', '2 ', '130 ', '141 ', 'library', 'disk'))


def test_who_stops_reading_stops_it(mcap: Path) -> None:
    with run('check', '--json', *[mcap] * 2000) as checking:
        assert checking.stdout is not None
        assert checking.stderr is not None
        assert json.loads(checking.stdout.readline())['verdict'] == 'valid'
        checking.stdout.close()
        assert checking.wait() == 141
        assert checking.stderr.read() == ''


def test_a_full_disk_is_told(mcap: Path) -> None:
    with open('/dev/full', 'w') as full, run('check', mcap, stdout=full) as checking:
        assert checking.communicate()[1].splitlines() == [
            'flightlog: cannot write what was found: No space left on device']
        assert checking.returncode == 2


READER = """
import sys
from flightlog_bucket.logs.library.child import READERS
sys.path.insert(0, {folder!r})
READERS['mcap'] = 'made_reader'
"""


def test_ctrl_c_ends_a_full_check_and_its_process(mcap: Path, tmp_path: Path) -> None:
    (tmp_path / 'made_reader.py').write_text(
        'import time\ndef read(path, structure):\n    while True: time.sleep(1)\n')
    with run('check', '--level', 'full', mcap,
             code=READER.format(folder=str(tmp_path))) as checking:
        wait_until(lambda: bool(children_of(checking.pid)))
        reading = children_of(checking.pid)
        checking.send_signal(signal.SIGINT)
        out, err = checking.communicate()
    assert (checking.returncode, out, err) == (130, '', '')
    wait_until(lambda: not any(map(is_running, reading)))


def test_a_missing_library_is_told_once_and_is_no_verdict(mcap: Path, tmp_path: Path) -> None:
    (tmp_path / 'made_reader.py').write_text('import no_such_library\n')
    cut = write_cut(tmp_path / 'cut.mcap', mcap)
    other = tmp_path / 'a.ulg'
    other.write_bytes(made_ulog.log())
    with run('check', '--json', '--level', 'full', mcap, cut, other, mcap,
             code=READER.format(folder=str(tmp_path))) as checking:
        out, err = checking.communicate()
    reports = [json.loads(line) for line in out.splitlines()]
    assert checking.returncode == 2
    assert [(r['path'], r['verdict'], r['description']['storage']) for r in reports] == [
        (str(mcap), 'valid', 'mcap'), (str(cut), 'truncated', 'mcap'),
        (str(other), 'valid', 'ulog'), (str(mcap), 'valid', 'mcap')]
    assert reports[0]['description']['message_count'] == 100
    for place in (0, 1, 3):
        assert 'needs the Python module no_such_library' in reports[place]['reason']
    assert 'never closed' in reports[1]['reason']
    assert reports[2]['reason'] == ''
    [line] = err.splitlines()
    assert line.startswith('flightlog: ')
    assert 'pip install no_such_library' in line


def test_a_missing_library_counts_more_than_a_bad_log(mcap: Path, tmp_path: Path) -> None:
    (tmp_path / 'made_reader.py').write_text('import no_such_library\n')
    with run('check', '--level', 'full', mcap, tmp_path / 'missing.mcap',
             code=READER.format(folder=str(tmp_path))) as checking:
        out, _ = checking.communicate()
    assert checking.returncode == 2
    assert f'{mcap}: valid' in out
    assert f'{tmp_path / "missing.mcap"}: unreadable' in out


def test_without_pyyaml_logs_are_checked_and_bags_as_far_as_can_be(
        mcap: Path, tmp_path: Path) -> None:
    bag = tmp_path / 'flight'
    bag.mkdir()
    write_mcap(bag / 'flight_0.mcap')
    (bag / 'metadata.yaml').write_text('rosbag2_bagfile_information:\n  version: 5\n')
    with run('check', '--json', mcap, bag, code='import sys\nsys.modules["yaml"] = None'
             ) as checking:
        out, err = checking.communicate()
    assert (checking.returncode, err) == (0, '')
    first, second = map(json.loads, out.splitlines())
    assert (first['verdict'], first['reason']) == ('valid', '')
    assert (second['verdict'], 'PyYAML is not installed' in second['reason']) == ('valid', True)


def test_it_needs_neither_network_nor_ros(mcap: Path) -> None:
    code = ('import atexit, sys\natexit.register(lambda: print([name for name in ("boto3",'
            ' "botocore", "requests", "rclpy", "pyulog", "numpy", "rosbags", "mcap") if name in'
            ' sys.modules], file=sys.stderr))')
    with run('check', mcap, code=code) as checking:
        assert checking.communicate()[1].strip() == '[]'


def test_many_checks_leave_nothing_behind(check: Check, mcap: Path) -> None:
    check(mcap)
    make_pipe(mcap.with_name('pipe.mcap'))
    others = [mcap.with_name('missing.mcap'), mcap.with_name('pipe.mcap'), mcap.parent]
    before, children = open_files(), OwnChildren()
    for _ in range(3):
        check('--level', 'full', mcap)
        check('--level', 'structure', *[mcap, *others] * 60)
    wait_until(lambda: nothing_more_open(before))
    assert children.now() == set()


@pytest.mark.skipif(not corpus.is_there(), reason=corpus.MISSING)
def test_every_file_of_the_corpus_gets_one_report(check: Check) -> None:
    paths = sorted({path for path in corpus.ROOT.rglob('*')
                    if path.is_file() or (path / 'metadata.yaml').exists()})
    code, reports = check(*paths)
    assert code == 1
    assert [report['path'] for report in reports] == [str(path) for path in paths]
    for report in reports:
        assert set(report) == {'path', 'format', 'verdict', 'reason', 'description'}
        assert report['reason'] or report['verdict'] == 'valid', report
