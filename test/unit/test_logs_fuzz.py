"""
Mutants of every log of the corpus, and of made ones: whatever is in a log, it gets an answer.

``make fuzz`` tries more of them, with another seed each time. FUZZ_SEED is the seed, FUZZ_MUTANTS
the number for each log, FUZZ_FOLDER where the failing ones are left.
"""
from collections import Counter
from dataclasses import asdict
import os
from pathlib import Path
from typing import Any

import corpus
import pytest
from support import checking_process
from support.fuzzing import Task
from support.logs import write_all, write_log

SEED = os.environ.get('FUZZ_SEED', '20250727')
COUNT = int(os.environ.get('FUZZ_MUTANTS', '12'))
FULL_COUNT = max(COUNT // 6, 1)
FULL_SOURCES = 4
GROUP = 20
S_PER_MUTANT = 1.0


def groups() -> dict[str, list[Path]]:
    """Return the logs of the corpus by format; not more in a group than can be waited for."""
    by_format: dict[str, list[Path]] = {}
    for file in corpus.everything():
        by_format.setdefault(file.format, []).append(file.path)
    return {f'{name}-{number}': paths[number::(len(paths) + GROUP - 1) // GROUP]
            for name, paths in by_format.items()
            for number in range((len(paths) + GROUP - 1) // GROUP)}


GROUPS = groups()


@pytest.fixture(params=[*GROUPS, 'made'])
def sources(request: Any, tmp_path: Path) -> list[Path]:
    """Return logs of one format; or one of each, made here, for those who have no corpus."""
    if request.param != 'made':
        return GROUPS[request.param]
    folder = tmp_path / 'made'
    folder.mkdir()
    (folder / 'empty.ulg').write_bytes(b'')
    return [*write_all(folder), write_log(folder / 'again.mcap'), folder / 'empty.ulg']


def tried(sources: list[Path], folder: Path, level: str, count: int) -> Counter[str]:
    """Return the outcomes of the mutants."""
    folder = Path(os.environ.get('FUZZ_FOLDER') or folder / 'mutants')
    task = Task([str(source) for source in sources], SEED, count, level, str(folder))
    found = checking_process.run('support.fuzzing', asdict(task),
                                 90 + S_PER_MUTANT * count * len(sources))
    outcomes = found.pop()['outcomes']
    # The mutants are there, and the seed and the number in their names make them again.
    assert found == []
    assert isinstance(outcomes, dict)
    return Counter(outcomes)


def test_a_mutant_gets_an_answer_in_time(sources, tmp_path):
    outcomes = tried(sources, tmp_path, 'structure', COUNT)
    assert outcomes.total() == len(sources) * COUNT


def test_a_mutant_that_is_read_whole_gets_an_answer(sources, tmp_path):
    step = max(len(sources) // FULL_SOURCES, 1)
    chosen = sources[::step][:FULL_SOURCES]
    assert tried(chosen, tmp_path, 'full', FULL_COUNT).total() == len(chosen) * FULL_COUNT


def test_mutants_of_the_corpus_meet_every_verdict(tmp_path):
    chosen = [paths[0] for name, paths in GROUPS.items() if name.startswith(('bag', 'mcap'))]
    if not chosen:
        pytest.skip(corpus.MISSING)
    assert {'valid', 'truncated', 'corrupt'} <= set(tried(chosen, tmp_path, 'structure', 40))
