"""
Checks mutants of logs, as a program: it reads what to do as JSON from standard input.

It writes a line for each mutant that got what no log may get. That mutant stays in the folder, as
does the one at which the program ends.
"""
from collections import Counter
from dataclasses import dataclass
import json
from pathlib import Path
import shutil
import sys

from support import mutants
from support.checking import check
from support.checking_process import limit, watch


@dataclass(frozen=True)
class Task:
    """
    What is to be done.

    :param sources: the logs, of one format
    :param seed: of all mutants
    :param count: of mutants for each log
    :param level: how deep they are checked
    :param folder: for the mutants
    """

    sources: list[str]
    seed: str
    count: int
    level: str
    folder: str


def main() -> None:
    """Do it."""
    task = Task(**json.load(sys.stdin))
    limit(task.level)
    sources = [Path(source) for source in task.sources]
    outcomes: Counter[str] = Counter()
    for source in sources:
        for number in range(task.count):
            outcomes[_try(task, source, sources, number)] += 1
    print(json.dumps({'outcomes': outcomes}))


def _try(task: Task, source: Path, others: list[Path], number: int) -> str:
    folder = Path(task.folder) / f'{task.level}-{task.seed}-{number}-{source.name}'
    shutil.rmtree(folder, ignore_errors=True)  # of a run with the same seed
    folder.mkdir(parents=True)
    path = mutants.write(source, others, f'{task.seed} {source.name} {number}', folder)
    print(f'checking {path}', file=sys.stderr, flush=True)
    watch()
    try:
        checked = check(path, task.level)
        outcome, complaints = checked.outcome, checked.complaints()
    except Exception as error:  # whatever it is, it is what is looked for
        outcome, complaints = 'raised', [f'it raised {type(error).__name__}: {error}']
    if complaints:
        print(json.dumps({'mutant': str(path), 'complaints': complaints}), flush=True)
    else:
        shutil.rmtree(folder)
    return outcome


if __name__ == '__main__':
    main()
