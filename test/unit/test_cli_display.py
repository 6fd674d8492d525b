"""How progress looks, as lines and as bars."""
import io
from pathlib import Path
import re

from flightlog_bucket.cli import display as displays
from flightlog_bucket.cli import terminal, words
from flightlog_bucket.cli.backend import Step
from flightlog_bucket.cli.display import Bars, Lines
from flightlog_bucket.cli.list_queue import table_of
from flightlog_bucket.cli.watch_board import Table
from flightlog_bucket.cli.watch_lines import Lines as WatchLines
from flightlog_bucket.cli.words import lasting_text
import pytest
from rich.console import Console
from test_cli_words import view

EVIL = '/data/[red]a\n\x1b[2J\x9b\u202e.ulg'


class Tty(io.StringIO):
    """A terminal, as far as can be asked."""

    def isatty(self) -> bool:
        return True


def console(width: int = 100) -> Console:
    return Console(file=Tty(), force_terminal=True, width=width, height=24, markup=False,
                   highlight=False, emoji=False, legacy_windows=False, color_system='standard')


def shown(drawn: Console) -> str:
    """Return what was drawn, without what rich itself does with the cursor and the colours."""
    assert isinstance(drawn.file, io.StringIO)
    return re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', drawn.file.getvalue())


def test_lines_are_printed_when_something_changes(capsys: pytest.CaptureFixture[str],
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(displays.time, 'monotonic', lambda: now_s)
    lines = Lines(['a.ulg'])
    for done in (0, 10, 20):
        lines.step(0, Step('uploading', done, 100, 0.0, None))
    now_s += 11
    lines.step(0, Step('uploading', 30, 100, 0.0, None))
    lines.step(0, Step('queued', 30, 100, 0.0, None, 1, 'no network', 3))
    lines.step(0, Step('queued', 30, 100, 0.0, None, 1, 'no network', 2))
    lines.step(0, Step('uploading', 30, 100, 0.0, None))
    assert capsys.readouterr().out.splitlines() == [
        'a.ulg: 0 % of 100 B', 'a.ulg: 30 % of 100 B', 'a.ulg: waits: no network; next try in'
        ' 0:03', 'a.ulg: 30 % of 100 B']


def test_bars_show_each_transfer_and_the_sum() -> None:
    drawn = console()
    with Bars(['/data/a.ulg', '/data/b.ulg'], drawn) as bars:
        bars.step(0, Step('uploading', 25, 100, 5.0, 15.0))
        bars.step(1, Step('queued', 0, 100, 0.0, None, 1, 'no network', 12.4))
        bars.end(0)
        bars.say('a.ulg: stored')
        text = shown(drawn)
    below = text.partition('a.ulg: stored\n')[2]
    assert '1 of 2 done' in below
    assert '0 of 2 done' not in below
    assert '25 %' not in below
    assert re.search(r'b\.ulg .*waits: no network; next try in 0:12', text)
    assert '1 of 2 done' in text


def test_old_news_are_not_shown_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(words.time, 'monotonic', lambda: now_s)
    moving = Step('uploading', 25, 100, 5.0, 15.0)
    assert lasting_text(moving, now_s - 2.9) == '25 % of 100 B, 5 B/s, 0:15 left'
    assert lasting_text(moving, now_s - 7.5) == '25 % of 100 B, no news for 7 s'
    waiting = Step('queued', 0, 100, 0.0, None, 1, 'no network', 12.0)
    assert lasting_text(waiting, now_s - 5) == 'waits: no network; next try in 0:07'
    assert lasting_text(waiting, now_s - 50) == 'waits: no network'
    drawn = console()
    with Bars(['/data/a.ulg'], drawn) as bars:
        bars.step(0, moving)
        now_s += 60
        bars._progress.refresh()
        assert re.search('no news for 60 s *$', shown(drawn).rpartition('a.ulg')[2])


def test_nothing_in_a_name_or_a_reason_reaches_the_terminal() -> None:
    drawn = console()
    with Bars([EVIL], drawn) as bars:
        bars.step(0, Step('queued', 0, 100, 0.0, None, 1, '[bold]\x1b]0;owned\x07:smile:'))
        bars.say(f'{EVIL}: stored')
        bars._progress.refresh()
    text = shown(drawn)
    assert r'/data/[red]a\n\x1b[2J\x9b\u202e.ulg: stored' in text
    assert '[bold]\\x1b]0;owned\\x07:smile:' in text
    # Bars are drawn with other letters than these.
    assert not set('\x1b\x07\x9b\u202e') & set(text)


@pytest.mark.parametrize('width', [10, 20, 40, 80, 250])
def test_every_width_will_do(width: int) -> None:
    drawn = console(width)
    with Bars(['/data/' + 'x' * 300 + '.ulg'], drawn) as bars:
        bars.step(0, Step('uploading', 1, 2, 5.0, 15.0))
        bars._progress.refresh()
    drawn.print(table_of([view(path='/data/' + 'y' * 300, reason='z' * 300)]))
    assert all(len(line.split('\r')[-1]) <= width for line in shown(drawn).splitlines())


def test_the_table_of_the_queue_names_what_counts() -> None:
    drawn = console(200)
    drawn.print(table_of([
        view(state='uploading', sent_bytes=500, rate=100.0, remaining_s=5.0),
        view(state='rejected', path=EVIL, reason='File validation failed: [red]is empty')]))
    text = ' '.join(shown(drawn).split())
    assert '50 %, 100 B/s, 0:05 left' in text
    assert r'[red]a\n\x1b[2J\x9b\u202e.ulg' in text
    assert '[red]is empty' in text


def test_watching_prints_changes_and_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    lines = WatchLines()
    for one in (view(id=2), view(id=2, attempts=1),
                view(id=2, state='uploading', sent_bytes=10),
                view(id=2, state='uploading', sent_bytes=20), view(id=2, state='stored')):
        lines.transfer(one)
    told = [line.split(' ', 2)[2] for line in capsys.readouterr().out.splitlines()]
    assert told == ['upload /data/a.ulg: waits for its turn',
                    'upload /data/a.ulg: uploading, 1 %',
                    'upload /data/a.ulg: stored, 1.0 kB']


def test_the_watched_table_keeps_what_is_open_and_what_was_last() -> None:
    drawn = console(140)
    with Table(drawn, '/flightlog_bucket') as board:
        board.transfer(view(id=0, path='/data/waiting.ulg', reason='no network'))
        for number in range(1, 30):
            board.transfer(view(id=number, path=f'/data/{number:02}.ulg', state='stored',
                                sent_bytes=1000))
    last = shown(drawn).rpartition('/flightlog_bucket')[2]
    assert '/data/waiting.ulg' in last
    assert '/data/29.ulg' in last
    assert '/data/02.ulg' not in last


def test_the_watched_table_fits_the_terminal_though_rows_are_folded() -> None:
    drawn = console(80)
    with Table(drawn, '/flightlog_bucket') as board:
        for number in range(30):
            board.transfer(view(id=number, path=f'/data/log/run7/{number:02}.ulg',
                                reason='no network: ' + 'the name cannot be resolved ' * 5))
        board._live.refresh()
        picture = board._drawing()
    lines = [''.join(part.text for part in line) for line in drawn.render_lines(picture)]
    assert len(lines) <= drawn.height
    assert sum('/00.ulg' in line or '/01.ulg' in line for line in lines) == 2
    shown_count = sum('queued' in line for line in lines)
    assert lines[-1].strip() == f'and {30 - shown_count} more'


@pytest.mark.parametrize('term, is_drawn', [
    ('xterm-256color', True), ('dumb', False), ('unknown', False), ('', False)])
def test_bars_are_for_terminals_that_can_draw(
        monkeypatch: pytest.MonkeyPatch, term: str, is_drawn: bool) -> None:
    monkeypatch.setenv('TERM', term)
    monkeypatch.setattr('sys.stdout', Tty())
    assert (terminal.console() is not None) == is_drawn
    monkeypatch.setattr('sys.stdout', io.StringIO())
    assert terminal.console() is None


def test_without_rich_there_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setattr('sys.stdout', Tty())
    monkeypatch.setitem(__import__('sys').modules, 'rich.console', None)
    assert terminal.console() is None


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setenv('NO_COLOR', '1')
    monkeypatch.setattr('sys.stdout', Tty())
    drawn = terminal.console()
    assert drawn is not None
    assert drawn.no_color


def test_names_are_shortened_from_the_left() -> None:
    assert displays._short('/data/flight.ulg') == 'flight.ulg'
    assert displays._short('/data/run1/') == 'run1'
    long = displays._short(f'/data/{"x" * 100}20250727.ulg')
    assert long.startswith('...')
    assert long.endswith('20250727.ulg')
    assert len(long) == 28
    assert Path(long).suffix == '.ulg'
