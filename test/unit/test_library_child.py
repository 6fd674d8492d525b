"""A process that reads all of a log: what it tells, what it may take, and that it ends."""
from collections.abc import Callable, Iterator
from dataclasses import replace
import errno
import logging
import os
from pathlib import Path
import signal
import subprocess
import sys
import textwrap
import threading
import time

from flightlog_bucket.errors import Cancelled, ConfigurationError, LocalFileChanged
from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.library.child import read_whole
from flightlog_bucket.logs.library.limits import Limits, limits_for
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.sandbox.process import package_environment
from flightlog_bucket.storage.local_file import LocalFile
import pytest
from support.children import is_running, nothing_more_open, open_files, OwnChildren
from support.expect import wait_until
from support.local_files import CONTENT

MIB = 1024 * 1024
LIMITS = Limits(memory_bytes=256 * MIB, cpu_s=60, wall_s=110.0, file_bytes=MIB)
FOREVER = 'import time\nwhile True: time.sleep(1)'

Read = Callable[..., Reading]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that readers are imported from."""
    folder = tmp_path / 'readers'
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def children() -> OwnChildren:
    """Return the processes that the test has started."""
    return OwnChildren()


@pytest.fixture
def read(folder: Path, tmp_path: Path, children: OwnChildren) -> Iterator[Read]:
    """Give a function that reads a log with the code of a reader."""
    path = tmp_path / 'flight.log'
    path.write_bytes(b'a flight')
    with open(path, 'rb') as stream:
        log = LogReader(path, stream)
        before = open_files()

        def read(code: str, structure: str = 'valid', head: str = '',
                 cancel: threading.Event | None = None, limits: Limits = LIMITS) -> Reading:
            write_reader(folder, code, head)
            return read_whole('made', log, structure, cancel, readers={'made': 'made_reader'},
                              limits=limits)
        yield read
        assert children.now() == set()
        wait_until(lambda: nothing_more_open(before))


def write_reader(folder: Path, code: str, head: str = '') -> None:
    body = textwrap.indent(textwrap.dedent(code), '    ')
    new = folder / 'new'
    new.write_text(
        'from flightlog_bucket.logs.description import Topic\n'
        'from flightlog_bucket.logs.library.reading import Reading\n'
        f'{textwrap.dedent(head)}\n'
        f'def read(path, structure):\n{body}\n')
    new.replace(folder / 'made_reader.py')  # which another process may be about to import


def test_what_the_library_found_comes_back_as_it_is(read: Read) -> None:
    found = read("""
        with open(path, 'rb') as log:
            size = len(log.read())
        return Reading('truncated', 'cut off', -5, 2**63, size,
                       (Topic('/ü', 'std_msgs/msg/String', 3), Topic('/b', '')), 2, 70)""")
    assert found == Reading('truncated', 'cut off', -5, 2**63, 8,
                            (Topic('/ü', 'std_msgs/msg/String', 3), Topic('/b', '')), 2, 70)


def test_the_reader_is_told_what_is_known_of_the_log(read: Read) -> None:
    assert read('return Reading(structure)', 'truncated').outcome == 'truncated'


def test_a_format_that_no_library_reads_has_the_outcome_of_its_structure(log: Path) -> None:
    with open(log, 'rb') as stream:
        reader = LogReader(log, stream)
        assert read_whole('sqlite3-wal', reader, 'truncated') == Reading('truncated')


def test_a_log_is_read_through_the_file_that_is_open_for_its_upload(folder: Path,
                                                                   file: LocalFile) -> None:
    write_reader(folder, "return Reading(message_count=len(open(path, 'rb').read()))")
    with file.stream() as stream:
        stream.seek(1000)
        found = read_whole('made', LogReader(file.path, stream), 'valid',
                           readers={'made': 'made_reader'})
    assert found.message_count == len(CONTENT)


def test_a_log_that_was_deleted_meanwhile_is_read_all_the_same(folder: Path,
                                                              tmp_path: Path) -> None:
    path = tmp_path / 'gone.log'
    path.write_bytes(b'four')
    write_reader(folder, "return Reading(message_count=len(open(path, 'rb').read()))")
    with open(path, 'rb') as stream:
        path.unlink()
        found = read_whole('made', LogReader(path, stream), 'valid',
                           readers={'made': 'made_reader'})
    assert found.message_count == 4


def test_what_a_library_prints_is_no_answer(read: Read) -> None:
    assert read("""
        import os, sys
        print('{"outcome": "corrupt", "reason": "printed"}', flush=True)
        os.write(1, b'}' * 2_000_000)
        os.write(2, b'}' * 2_000_000)
        return Reading(message_count=1)""") == Reading(message_count=1)


@pytest.mark.parametrize('code, reason', [
    ("raise KeyError('conn')", "KeyError: 'conn'"),
    ('assert 1 == 2', 'AssertionError'),
    ("raise SystemExit('no')", 'SystemExit: no'),
    ("class Panic(BaseException): pass\nraise Panic('index')", 'Panic: index'),
    ('def deeper(): deeper()\ndeeper()', 'RecursionError'),
    ("raise OSError('Invalid data stream')", 'OSError: Invalid data stream'),
    ('open(path).seek(-1)', 'ValueError'),
    ('import os\nos.lseek(os.open(path, 0), -1, 0)', 'OSError: [Errno 22]'),
])
def test_what_the_library_raises_is_damage(read: Read, code: str, reason: str) -> None:
    found = read(code)
    assert found.outcome == 'corrupt'
    assert found.reason.startswith(f'the library of its format cannot read it: {reason}')


def test_a_reason_is_short_and_names_no_path_that_nobody_knows(read: Read) -> None:
    found = read("raise ValueError(f'{path} is\\n wrong ' + 'x' * 10_000_000)")
    assert 'ValueError: the log is wrong xxx' in found.reason
    assert len(found.reason) < 1000


@pytest.mark.parametrize('structure', ['valid', 'truncated'])
@pytest.mark.parametrize('code, reason', [
    ('return len(bytes(2**30))', '256 MiB of memory'),
    ('return [bytes(1000) for _ in iter(int, 1)]', '256 MiB of memory'),
    ('return bytes(2**62)', '256 MiB of memory'),
    ("try: bytes(2**40)\nexcept MemoryError: raise ValueError('bad chunk')", '256 MiB of memory'),
    ('import mmap\nmmap.mmap(-1, 2**30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)',
     '256 MiB of memory'),
    ('while True: pass', 'more than 1 s of processor time'),
    (FOREVER, 'more than 3 s'),
    ('import tempfile\ntempfile.TemporaryFile().write(bytes(2**21))', '1 MiB of disk space'),
    ("import os\nheld = [os.open('/', 0) for _ in range(1000)]", 'open files'),
    ('import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)', 'crashed (Segmentation fault)'),
    ('import os, signal\nos.kill(os.getpid(), signal.SIGKILL)', 'the system ended its process'),
    ('import os\nos._exit(7)', 'gave no answer (exit code 7)'),
    ('return 7', 'gave no answer (exit code 1)'),
    ("open('/no/such/directory')", 'the system refuses what the library needs (No such file'),
    ("open('/proc/self/cmdline/x')", 'the system refuses what the library needs (Not a dir'),
])
def test_what_takes_too_much_or_crashes_leaves_the_log_as_it_was(
        read: Read, code: str, reason: str, structure: str) -> None:
    limits = replace(LIMITS, cpu_s=1 if 'processor' in reason else 60,
                     wall_s=3.0 if reason == 'more than 3 s' else LIMITS.wall_s)
    found = read(code, structure, limits=limits)
    assert found.outcome == structure
    assert found.reason.startswith('the full check was not finished: ')
    assert reason in found.reason


def test_an_answer_without_end_is_not_listened_to(read: Read) -> None:
    found = read("""
        import os
        while True:
            for fd in range(3, 10):
                try:
                    os.write(fd, b'[' * 60000)
                except OSError:
                    pass""")
    assert found == Reading('valid', 'the full check was not finished: what it found is too long')


def test_an_answer_that_is_none_is_no_verdict(read: Read) -> None:
    found = read("""
        import os
        for fd in range(3, 10):
            try:
                os.write(fd, b'{"outcome": "corrupt", "reason": 7} ')
            except OSError:
                pass
        return Reading()""")
    assert found == Reading('valid', 'the full check was not finished: its process gave no answer'
                            ' (exit code 0)')


def test_too_many_topics_are_left_out_and_the_counts_stay(read: Read) -> None:
    found = read("return Reading(message_count=7, topics=(Topic('/t' * 50, 'x', 1),) * 20_000)")
    assert found == Reading(message_count=7)


@pytest.mark.parametrize('head, says', [
    ('import no_such_library.core', 'pip install no_such_library'),
    ('from json import no_such_name', 'cannot import name')])
def test_a_missing_or_wrong_library_is_no_verdict(read: Read, head: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        read('return Reading()', head=head)


def test_a_disk_that_does_not_give_the_log_is_no_verdict(read: Read) -> None:
    with pytest.raises(OSError, match='Input/output error') as raised:
        read('import errno\nraise OSError(errno.EIO, "disk", path)')
    assert raised.value.errno == errno.EIO


def test_a_log_that_became_shorter_meanwhile_has_changed_and_is_not_corrupt(read: Read) -> None:
    with pytest.raises(LocalFileChanged, match='became shorter'):
        read("raise LocalFileChanged(f'{path} became shorter while it was read')",
             head='from flightlog_bucket.errors import LocalFileChanged')


def test_limits_stand_before_a_library_is_imported(read: Read) -> None:
    found = read('return Reading(topics=SEEN)', head="""
        import os, resource
        def seen():
            yield 'data', resource.getrlimit(resource.RLIMIT_DATA)
            yield 'core', resource.getrlimit(resource.RLIMIT_CORE)[0] <= 1
            yield 'files', resource.getrlimit(resource.RLIMIT_NOFILE)[1] <= 64
            yield 'size', resource.getrlimit(resource.RLIMIT_FSIZE)
            yield 'cpu', resource.getrlimit(resource.RLIMIT_CPU)
            yield 'nice', os.nice(0) >= 10
            yield 'umask', oct(os.umask(0))
            yield 'first to be killed', open('/proc/self/oom_score_adj').read().strip()
            yield 'session', os.getsid(0) == os.getpid()
        SEEN = tuple(Topic(name, str(value)) for name, value in seen())""")
    assert found.topics is not None
    assert {topic.name: topic.type for topic in found.topics} == {
        'data': str((256 * MIB, 256 * MIB)), 'core': 'True', 'files': 'True',
        'size': str((MIB, MIB)), 'cpu': '(60, 62)', 'nice': 'True', 'umask': '0o77',
        'first to be killed': '1000', 'session': 'True'}


def test_no_credentials_and_no_settings_of_python_get_into_it(
        read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / 'json.py').write_text('raise SystemExit("imported from the environment")')
    monkeypatch.setenv('AWS_SECRET_ACCESS_KEY', 'a-secret')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    monkeypatch.setenv('PYTHONSTARTUP', str(tmp_path / 'json.py'))
    found = read("""
        import os
        return Reading(message_count=sum(name.startswith(('AWS', 'PYTHON')) for name in
                       os.environ), topics=(Topic(os.environ['OPENBLAS_NUM_THREADS'], ''),))""")
    assert found == Reading(message_count=0, topics=(Topic('1', ''),))


@pytest.mark.parametrize('first', ['', None])
def test_nothing_is_imported_from_the_working_directory(
        read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str | None) -> None:
    for name in ('json', 'numpy', 'found_here'):
        (tmp_path / f'{name}.py').write_text('raise SystemExit("from the working directory")')
    monkeypatch.chdir(tmp_path)
    # What "python -c" and "python -m" put there.
    monkeypatch.setattr(sys, 'path', [str(tmp_path) if first is None else first, *sys.path])
    with pytest.raises(ConfigurationError, match='found_here'):
        read('return Reading()', head='import json, found_here')


def test_a_working_directory_that_is_gone_does_no_harm(
        read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = tmp_path / 'gone'
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        assert read('return Reading()') == Reading()
    finally:
        os.chdir(tmp_path)


def test_a_cancelled_check_ends_at_once(read: Read, children: OwnChildren) -> None:
    def ended_after_s() -> float:
        cancel, cancelled_s = threading.Event(), [0.0]

        def stop() -> None:
            wait_until(lambda: any(map(is_running, children.now())))
            cancelled_s[0] = time.monotonic()
            cancel.set()
        stopping = threading.Thread(target=stop)
        stopping.start()
        with pytest.raises(Cancelled):
            read(FOREVER, cancel=cancel)
        ended_s = time.monotonic()
        stopping.join()
        return ended_s - cancelled_s[0]
    # 0.2 s where nothing else runs; a busy computer does not stand still each time.
    assert any(ended_after_s() < 0.5 for _ in range(5))


def test_a_check_that_is_cancelled_already_does_not_begin(read: Read) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        read(FOREVER, cancel=cancel)


class Interrupting(threading.Event):
    """Ctrl-C, once the process runs."""

    def __init__(self, children: OwnChildren) -> None:
        super().__init__()
        self._children = children

    def is_set(self) -> bool:
        """Raise as a signal handler does, at a moment that the test knows."""
        if any(map(is_running, self._children.now())):
            raise KeyboardInterrupt
        return False


def test_ctrl_c_leaves_no_process(read: Read, children: OwnChildren) -> None:
    with pytest.raises(KeyboardInterrupt):
        read(FOREVER, cancel=Interrupting(children))


class Counting(threading.Event):
    """Tells how often it was looked at."""

    looked = 0

    def is_set(self) -> bool:
        """Count, and tell."""
        self.looked += 1
        return super().is_set()


def test_one_log_is_read_at_a_time_and_who_waits_is_told_and_can_be_cancelled(
        read: Read, caplog: pytest.LogCaptureFixture, children: OwnChildren) -> None:
    caplog.set_level(logging.INFO, 'flightlog_bucket')
    first, second = threading.Event(), Counting()
    outcomes: list[str] = []

    def run(cancel: threading.Event) -> None:
        try:
            read(FOREVER, cancel=cancel)
        except Cancelled:
            outcomes.append('first' if cancel is first else 'second')

    threads = [threading.Thread(target=run, args=(cancel,)) for cancel in (first, second)]
    threads[0].start()
    try:
        wait_until(lambda: len(children.now()) == 1)
        threads[1].start()
        wait_until(lambda: second.looked >= 5)
        assert len(children.now()) == 1
        [message] = [text for text in caplog.messages if 'flight.log' in text]
        assert 'waits' in message
        second.set()
        threads[1].join(30)
        assert outcomes == ['second']
    finally:
        first.set()
        second.set()
        threads[0].join(30)
    assert outcomes == ['second', 'first']


CHECKING = """
import sys, threading
from pathlib import Path
from flightlog_bucket.logs.library.child import read_whole
from flightlog_bucket.logs.reader import LogReader
sys.path.insert(0, sys.argv[1])
path = Path(sys.argv[2])
def check():
    with open(path, 'rb') as stream:
        read_whole('made', LogReader(path, stream), 'valid', readers={'made': 'made_reader'})
checking = threading.Thread(target=check)
checking.start()
checking.join()
"""


def test_it_does_not_outlive_a_killed_node(folder: Path, log: Path, tmp_path: Path) -> None:
    told = tmp_path / 'told'
    os.mkfifo(told)
    # Not even where it is in the hands of a library that does not let Python come to a word.
    write_reader(folder, f"""
        import ctypes, os
        with open({str(told)!r}, 'w') as node:
            node.write(str(os.getpid()))
        ctypes.PyDLL(None).pause()""")
    node = subprocess.Popen([sys.executable, '-c', CHECKING, str(folder), str(log)],
                            env=package_environment())
    try:
        child = int(told.read_text())
        assert is_running(child)
    finally:
        node.send_signal(signal.SIGKILL)
        node.wait()
    wait_until(lambda: not is_running(child))


def test_many_checks_leave_nothing_behind(read: Read) -> None:
    read('return Reading()')
    before = open_files()
    for number in range(20):
        assert read(f'return Reading(message_count={number})').message_count == number
    wait_until(lambda: nothing_more_open(before))


def test_a_large_log_may_take_more_but_never_most_of_the_computer() -> None:
    small, large, huge = (limits_for('ulog', size) for size in (0, 100 * MIB, 2**50))
    ram = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    assert small.memory_bytes <= large.memory_bytes <= huge.memory_bytes <= ram / 2
    assert (small.cpu_s, large.cpu_s) == (60, 160)
    assert small.file_bytes == huge.file_bytes == 0
    assert limits_for('mcap.zstd', 0).file_bytes == limits_for('sqlite3.zstd', 0).file_bytes > 0
