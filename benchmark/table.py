"""The tables of the report, in Markdown."""
from collections.abc import Mapping, Sequence
from typing import Optional

from benchmark.cases import MIB
from benchmark.summary import BASELINE, ratio, Spread, Summary

_COLUMNS = ('client', 'wall s', f'× {BASELINE}', 'CPU s', f'× {BASELINE}', 'start-up CPU s',
            'peak MiB', 'above idle MiB', f'× {BASELINE}')
_NOTHING = '—'


def case_table(summaries: Mapping[str, Summary], missing: Mapping[str, str]) -> str:
    """
    Return one row for every client, in the order that is given.

    :param summaries: by client
    :param missing: by client that has none, why: it is missing, or what failed
    """
    baseline = summaries.get(BASELINE)
    rows = [_row(client, summary, baseline) for client, summary in summaries.items()]
    rows += [[client, _one_line(why), *[''] * (len(_COLUMNS) - 2)]
             for client, why in missing.items()]
    return markdown(_COLUMNS, rows)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table: the first column to the left, all others to the right."""
    marks = ['---', *['---:'] * (len(columns) - 1)]
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in (columns, marks, *rows)) + '\n'


def _row(client: str, summary: Summary, baseline: Optional[Summary]) -> list[str]:
    base_wall, base_cpu, base_memory = (
        (baseline.wall_s.middle, baseline.cpu_s.middle, baseline.above_idle_bytes)
        if baseline else (None, None, None))
    return [
        client,
        _spread(summary.wall_s), _times(summary.wall_s.middle, base_wall),
        _spread(summary.cpu_s), _times(summary.cpu_s.middle, base_cpu),
        f'{summary.startup_cpu_s:.2f}',
        f'{summary.peak_bytes / MIB:.0f}',
        f'{summary.above_idle_bytes / MIB:.0f}', _times(summary.above_idle_bytes, base_memory)]


def _spread(spread: Spread) -> str:
    return f'{spread.middle:.2f} ({spread.least:.2f}–{spread.most:.2f})'


def _times(value: float, baseline: Optional[float]) -> str:
    found = ratio(value, baseline)
    return _NOTHING if found is None else f'{found:.2f}'


def _one_line(text: str) -> str:
    return ' '.join(text.split()).replace('|', '/')
