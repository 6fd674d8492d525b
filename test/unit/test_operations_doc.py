"""``doc/operations.md`` explains every line that a person can meet in the log."""
import ast
from collections.abc import Iterator
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ' '.join((ROOT / 'doc/operations.md').read_text().split())
LOUD = ('warning', 'error', 'exception', 'warn')
NO_TEXT_OF_ITS_OWN = 2  # words: such a line is all placeholders, e.g. '%s: %s'


def said() -> Iterator[tuple[str, str]]:
    """Yield each text that is logged as a warning or an error, with its place."""
    for path in sorted((ROOT / 'flightlog_bucket').rglob('*.py')):
        if {'sandbox', 'demo', 'cli'} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                    and node.func.attr in LOUD):
                for argument in node.args:
                    if text := constant(argument):
                        yield f'{path.relative_to(ROOT)}:{node.lineno}', text


def constant(node: ast.expr) -> str:
    """Return the text of a string, with ``%s`` for what is put into it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return ''.join(str(part.value) if isinstance(part, ast.Constant) else '%s'
                       for part in node.values)
    return ''


def is_explained(text: str) -> bool:
    """Tell whether one of the pieces between placeholders stands in the document."""
    pieces = [piece.strip(' ;:,.()') for piece in re.split(r'%[a-z.0-9]+', text)]
    wordy = [piece for piece in pieces if len(piece.split()) > NO_TEXT_OF_ITS_OWN]
    return not wordy or any(' '.join(piece.split()[:3]) in OPERATIONS for piece in wordy)


@pytest.mark.parametrize(('place', 'text'), list(said()))
def test_a_line_in_the_log_is_explained(place: str, text: str) -> None:
    assert is_explained(text), f'{place}: {text!r} is not in doc/operations.md'


def test_the_lines_are_found() -> None:
    texts = [text for _, text in said()]
    assert any('the ledger' in text for text in texts)
    assert len(texts) > 20
    assert not is_explained('the %s has eaten its own tail')
