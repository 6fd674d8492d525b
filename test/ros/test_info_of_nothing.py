"""``flightlog info`` of a name that is neither a file nor a key, against a real node."""
from pathlib import Path
from typing import Any

from command_line import folder_of, parameters_of_own, run
from node_process import NodeProcess
import pytest


@pytest.fixture
def parameters(parameters: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Return the parameters of a robot that no other test has."""
    return parameters_of_own(parameters, tmp_path)


def test_it_is_a_failure_that_says_how_keys_begin(
        node: NodeProcess, parameters: dict[str, Any], tmp_path: Path) -> None:
    code, out, err = run('info', 'flight_log/missing.ulg', cwd=tmp_path)
    assert (code, out) == (1, '')
    assert f'or a key that begins with {folder_of(parameters)}' in err
    assert run('upload', tmp_path / 'gone.ulg')[0] == 1
    assert run('info', tmp_path / 'gone.ulg')[0] == 1
    (tmp_path / 'here.ulg').touch()
    code, out, _ = run('info', tmp_path / 'here.ulg')
    assert (code, out.split()[:2]) == (0, ['file', 'state']), out
    assert 'machine prefix' not in out
