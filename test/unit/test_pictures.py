"""What takes the pictures of the command line: a terminal without a screen."""
import os
from pathlib import Path
import sys
from xml.etree import ElementTree

import pytest

pytest.importorskip('pyte')

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
        for part in ('/tmp/', '/root/', '/home/', '127.0.0.1'):
            assert part not in content, picture
        assert 'flightlog ' in shown(content)
