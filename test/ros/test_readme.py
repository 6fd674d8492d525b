"""What the README says of parameters and interfaces is what there is."""
from pathlib import Path
import re

from flightlog_bucket.parameters.table import TABLE
import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / 'README.md').read_text('utf-8')
ROWS = dict(re.findall(r'^\| `(\w+)` \| (.+?) \| ', README, re.MULTILINE))


def _shown(default: object) -> str:
    if isinstance(default, list):
        return ' '.join(f'`{value}`' for value in default if value) or 'empty'
    return 'empty' if default == '' else f'`{default}`'


def test_names_every_parameter_and_no_other() -> None:
    assert list(ROWS) == [row.name for row in TABLE]


@pytest.mark.parametrize('row', TABLE, ids=lambda row: row.name)
def test_gives_the_default(row) -> None:
    assert ROWS[row.name] == ('must be set' if row.required else _shown(row.default))


@pytest.mark.parametrize('row', TABLE, ids=lambda row: row.name)
def test_says_what_can_be_changed_while_the_node_runs(row) -> None:
    line, = re.findall(rf'^\| `{row.name}` \| .*', README, re.MULTILINE)
    assert line.endswith(' *Live.* |') == row.is_live


@pytest.mark.parametrize('interface', sorted(
    str(path.relative_to(ROOT)) for kind in ('action', 'srv')
    for path in ROOT.glob(f'{kind}/*.*')))
def test_shows_a_call_of_every_service_with_fields_that_it_has(interface: str) -> None:
    name = interface.rpartition('.')[0]
    calls = re.findall(rf'flightlog_bucket/{name} (?:\\\n\s*)?"\{{(.*?)\}}"', README)
    request = (ROOT / interface).read_text('utf-8').split('---')[0]
    known = re.findall(r'^[\w\[\]]+ (\w+)', request, re.MULTILINE)
    assert calls
    for call in calls:
        assert set(re.findall(r'(\w+): ', call)) <= set(known)
