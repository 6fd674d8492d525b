"""The walls between the packages, as pyproject.toml draws them."""
from pathlib import Path
import subprocess
import sys

import pytest

pytest.importorskip('importlinter')

ROOT = Path(__file__).resolve().parents[2]


def test_every_contract_is_kept() -> None:
    # In a process of its own: import-linter silences every logger that there is.
    code = 'import sys; from importlinter import cli; sys.exit(cli.lint_imports(no_cache=True))'
    ran = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
