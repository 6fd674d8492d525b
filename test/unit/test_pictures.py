"""What takes the pictures of the command line: a terminal without a screen."""
from contextlib import nullcontext
import os
from pathlib import Path
import sys
from xml.etree import ElementTree

from flightlog_bucket.sandbox.process import package_environment
import pytest

pytest.importorskip('pyte')
pytest.importorskip('playwright')

from rich.text import Text
from tools.pictures import __main__ as drawing
from tools.pictures.desk import Desk, foreign_paths, NotAsExpected
from tools.pictures.terminal import as_svg, Terminal

_BOUND_S = 60.0


def terminal(code: str) -> Terminal:
    return Terminal([sys.executable, '-c', code], columns=40, rows=6,
                    environment=dict(os.environ), directory=os.fspath(Path.cwd()))


def shown(svg: str) -> str:
    """Return the words of a picture."""
    words = ElementTree.fromstring(svg).iter('{http://www.w3.org/2000/svg}text')
    return ' '.join(word.text or '' for word in words).replace('\xa0', ' ')


def test_what_was_drawn_over_is_not_shown() -> None:
    with terminal(r'print("\x1b[32mold\x1b[0m", end="\r\x1b[2K"); print("new <&> \x1b[1mbold")'
                  ) as running:
        running.wait_for_end(_BOUND_S)
        assert running.text == 'new <&> bold'
        svg = as_svg(running.lines(), title='a title', columns=40)
    assert 'new <&> ' in shown(svg)
    assert 'bold' in shown(svg)
    assert 'old' not in shown(svg).replace('bold', '')
    assert 'font-weight: bold' in svg
    assert '@font-face' not in svg
    assert 'src:' not in svg


def test_colours_stay() -> None:
    code = r'print("\x1b[31mred\x1b[33myellow\x1b[38;2;1;2;3mmine\x1b[94mbright\x1b[0m")'
    with terminal(code) as running:
        running.wait_for_end(_BOUND_S)
        (line,) = running.lines()
    colours = {line.plain[span.start:span.end]: str(span.style) for span in line.spans}
    assert colours == {'red': 'red', 'yellow': 'yellow', 'mine': '#010203',
                       'bright': 'bright_blue'}


def test_a_moment_is_waited_for() -> None:
    with terminal('import time; print("12 %", flush=True); time.sleep(600)') as running:
        running.wait_for(r'\b1\d %', _BOUND_S)
        assert running.text == '12 %'
        with pytest.raises(TimeoutError, match='it goes on'):
            running.wait_for_end(0.1)
        with pytest.raises(TimeoutError, match='12 %'):
            running.wait_for('13 %', 0.1)


def test_the_pictures_show_no_path_of_this_computer() -> None:
    pictures = list((Path(__file__).resolve().parents[2] / 'doc' / 'pictures').glob('*.svg'))
    assert pictures
    for picture in pictures:
        content = picture.read_text(encoding='utf-8')
        assert len(content) < 50_000, picture
        assert '127.0.0.1' not in content, picture
        assert foreign_paths(shown(content)) == [], picture
        assert 'flightlog ' in shown(content)


@pytest.mark.parametrize(('text', 'found'), [
    ('stored as flight_logs/drone-001/a.ulg, 8.0 MB/s', []),
    ("file '/data/flights/a b.ulg' in /data/flights", []),
    ('/flightlog_bucket (~/set_paused) /mavros/local_position/pose', []),
    ('queued /tmp/x1/a.ulg', ['/tmp/x1/a.ulg']),
    ("cannot read '/home/a.ulg': no", ['/home/a.ulg']),
    ('(/home/me/a.ulg)', ['/home/me/a.ulg']),
    ('path=/srv/a.ulg', ['/srv/a.ulg']),
    ('/data/flights2/a.ulg', ['/data/flights2/a.ulg']),
    ('S3 on http://127.0.0.1:80 answers', ['//127.0.0.1:80']),
])
def test_a_path_of_this_computer_is_seen(text: str, found: list[str]) -> None:
    assert [path.rstrip(':') for path in foreign_paths(text)] == found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / 'notes.ulg').write_text('to do')
    return Desk(tmp_path, package_environment())


def test_a_command_must_end_as_it_is_to(desk: Desk) -> None:
    desk.run('check', 'notes.ulg', code=1)
    with pytest.raises(NotAsExpected, match=r'(?s)"flightlog check notes\.ulg" ended with 1, not 0'
                                            r'.*notes\.ulg: '):
        desk.run('check', 'notes.ulg')
    with pytest.raises(NotAsExpected, match='ended with 1, not 0'), \
            desk.background('check', 'notes.ulg'):
        pass
    with pytest.raises(NotAsExpected, match='ended with 1, not 0'):
        desk.shown('check', 'notes.ulg')
    assert 'notes.ulg' in desk.shown('check', 'notes.ulg', code=1)[1].plain


def test_a_scene_with_a_foreign_path_is_refused(desk: Desk) -> None:
    with pytest.raises(NotAsExpected, match=r'/missing/a\.ulg.*: paths of this computer'):
        desk.shown('check', '/missing/a.ulg', code=1)


def test_one_bad_scene_and_no_picture_is_written(
        desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def good(desk: Desk) -> list[Text]:
        return desk.shown('check', 'notes.ulg', code=1)

    def bad(desk: Desk) -> list[Text]:
        return desk.shown('check', 'notes.ulg')

    pictures = desk.directory / 'pictures'
    monkeypatch.setattr(drawing, 'PICTURES', pictures)
    monkeypatch.setattr(drawing, 'record', lambda directory: None)
    monkeypatch.setattr(drawing, 'at_desk', lambda directory: nullcontext(desk))
    monkeypatch.setattr(drawing, 'SCENES', (good, bad))
    assert drawing.main() == 1
    assert 'ended with 1, not 0' in capsys.readouterr().err
    assert not pictures.exists()
    monkeypatch.setattr(drawing, 'SCENES', (good,))
    assert drawing.main() == 0
    assert 'notes.ulg' in shown((pictures / 'good.svg').read_text())
