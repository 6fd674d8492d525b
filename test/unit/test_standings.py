"""How transfers stand: what the ledger says, with what is on the wire."""
from flightlog_bucket.errors import CorruptLog, InvalidRequest, LocalFileChanged
from flightlog_bucket.storage.journal import Part
from flightlog_bucket.transfers.records import QUEUED, REJECTED, STORED, UPLOADING
from flightlog_bucket.transfers.standings import Standings
import pytest
from support.desk import Desk

TODAY_S = 1_790_000_000.0  # September 2026


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.fixture
def standings(desk):
    return Standings(desk.ledger, desk.worker, wall_clock=lambda: TODAY_S)


def _one(standings):
    (found,), total = standings.queue((QUEUED, UPLOADING, STORED, REJECTED), None, 10)
    assert total == 1
    assert standings.of([found.id]) == [found]
    return found


def test_from_acceptance_to_storage(desk, standings) -> None:
    path = desk.accept('a.ulg', 1000)
    found = _one(standings)
    assert (found.path, found.state, found.sent_bytes, found.total_bytes) == (
        path, QUEUED, 0, 1000)
    assert (found.rate, found.remaining_s, found.reason, found.next_attempt_s) == (
        0.0, None, '', 0.0)
    desk.step()
    on_sent = desk.running[0].arguments['on_sent']
    on_sent(0)
    for _ in range(4):
        desk.now_s += 1
        on_sent(100)
    found = _one(standings)
    assert (found.state, found.sent_bytes, found.rate) == (UPLOADING, 400, pytest.approx(100))
    assert found.remaining_s == pytest.approx(6)
    desk.running[0].arguments['journal'].began('key/a.ulg', 'upload-1', 100)
    assert _one(standings).key == 'key/a.ulg'
    desk.end()
    found = _one(standings)
    assert (found.state, found.sent_bytes, found.key) == (STORED, 1000, 'key/a.ulg')
    assert (found.rate, found.remaining_s) == (0.0, None)


def test_it_waits_for_its_next_try_with_what_is_up(desk, standings) -> None:
    desk.accept('a.ulg', 1000)
    desk.step()
    journal = desk.running[0].arguments['journal']
    journal.began('key/a.ulg', 'upload-1', 100)
    journal.acknowledged(Part(1, 100, 0, '"e"'))
    desk.running[0].arguments['on_sent'](250)
    assert _one(standings).sent_bytes == 250
    desk.end(LocalFileChanged('was written to'))
    found = _one(standings)
    assert (found.state, found.sent_bytes, found.attempts) == (QUEUED, 100, 1)
    assert found.reason == 'was written to'
    assert found.next_attempt_s == pytest.approx(TODAY_S + 1)
    desk.now_s += 1
    desk.step()
    found = _one(standings)
    # From what is up on, before its file is open.
    assert (found.state, found.sent_bytes, found.reason) == (UPLOADING, 100, '')
    assert (found.attempts, found.next_attempt_s) == (1, 0.0)


def test_no_more_is_sent_than_there_is(desk, standings) -> None:
    desk.accept('a.ulg', 1000)
    desk.step()
    desk.running[0].arguments['on_sent'](5000)
    assert _one(standings).sent_bytes == 1000
    desk.running[0].arguments['on_sent'](-9000)
    assert _one(standings).sent_bytes == 0


def test_paused(desk, standings) -> None:
    desk.accept('a.ulg')
    desk.worker.set_paused(True)
    assert _one(standings).reason == 'uploads are paused (~/set_paused)'
    desk.worker.set_paused(False)
    desk.step()
    desk.end(LocalFileChanged('was written to'))
    desk.worker.set_paused(True)
    assert _one(standings).reason == (
        'uploads are paused (~/set_paused); before: was written to')


def test_rejected(desk, standings) -> None:
    desk.accept('a.ulg')
    desk.step()
    desk.end(CorruptLog('is damaged'))
    found = _one(standings)
    assert (found.state, found.verdict, found.next_attempt_s) == (REJECTED, 'corrupt', 0.0)
    assert 'is damaged' in found.reason
    desk.worker.set_paused(True)
    assert 'paused' not in _one(standings).reason


def test_all_but_stored_ones_unless_they_are_asked_for(desk, standings) -> None:
    for name in ('a.ulg', 'b.ulg'):
        desk.accept(name)
    desk.step()
    desk.end()
    assert [s.state for s in standings.queue((), None, 10)[0]] == [UPLOADING]
    assert [s.state for s in standings.queue([STORED], None, 10)[0]] == [STORED]


def test_no_such_state(standings) -> None:
    with pytest.raises(InvalidRequest, match="'lost' is not the state of a transfer; give some"):
        standings.queue(['queued', 'lost'], None, 10)


def test_what_is_not_known_is_left_out(desk, standings) -> None:
    desk.accept('a.ulg')
    assert len(standings.of([1, 2, 3])) == 1
    assert standings.of([]) == []


@pytest.mark.parametrize('read', ['queue', 'transfers'])
def test_a_try_that_ends_while_it_is_looked_at_does_not_fall_back(
        desk, standings, monkeypatch, read) -> None:
    goal = desk.ask('a.ulg', is_patient=True)
    desk.step()
    desk.running[0].arguments['on_sent'](1)
    original = getattr(desk.ledger, read)

    def read_and_end(*arguments):
        found = original(*arguments)
        desk.end()
        return found
    monkeypatch.setattr(desk.ledger, read, read_and_end)
    (found,) = (standings.queue((), None, 10)[0] if read == 'queue'
                else standings.of([goal.transfer_id]))
    assert (found.state, found.sent_bytes) == (UPLOADING, 1)
    assert goal.result(0)
