"""Where a rosbag2 directory stands, by its files."""
from flightlog_bucket.transfers.file_state import FileState, of_bag
import pytest

STORED = FileState('stored', key='flight_logs/drone-001/20250727_143022_run7/run7_0.mcap')


def test_all_are_stored() -> None:
    state = of_bag({'run7_0.mcap': STORED, 'metadata.yaml': STORED})
    assert state.state == 'stored'
    assert state.key == 'flight_logs/drone-001/20250727_143022_run7/'
    assert state.note == '2 of 2 accepted files are stored'


@pytest.mark.parametrize(('others', 'state', 'reason'), [
    ([FileState('uploading')], 'uploading', ''),
    ([FileState('uploading'), FileState('queued', reason='no network', next_attempt_in_s=7.0)],
     'queued', '1.mcap: no network'),
    ([FileState('queued', reason='no network'), FileState('rejected', reason='it is damaged')],
     'rejected', '1.mcap: it is damaged')])
def test_what_a_person_has_to_act_on_comes_first(others, state, reason) -> None:
    files = {f'{number}.mcap': other for number, other in enumerate(others)}
    found = of_bag({'stored.mcap': STORED, **files})
    assert (found.state, found.reason, found.key) == (state, reason, '')
    assert found.note == f'1 of {len(files) + 1} accepted files are stored'
