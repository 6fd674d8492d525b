"""A log is stored, and the ledger learns that later: so does everybody else."""
from pathlib import Path
from typing import Any, Optional

from flightlog_bucket.errors import LedgerUnavailable
from flightlog_bucket.transfers.records import STORED, Transfer
import pytest
from support.desk import Desk


def test_who_waits_for_stored_logs_is_told_when_the_ledger_says_so(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path)
    path = desk.accept('a.ulg')
    stored, is_full = desk.ledger.stored, True

    def maybe_full(*arguments: Any) -> None:
        if is_full:
            raise LedgerUnavailable('the disk is full')
        stored(*arguments)
    monkeypatch.setattr(desk.ledger, 'stored', maybe_full)
    desk.step()
    desk.end()
    desk.calls.clear()
    desk.now_s += 6
    desk.step()
    assert desk.calls == []
    is_full = False
    desk.now_s += 6
    seen: list[Optional[Transfer]] = []
    desk.worker._on_stored = lambda: seen.append(desk.ledger.find(path))
    desk.step()
    assert [found and found.state for found in seen] == [STORED]
    desk.now_s += 6
    desk.step()
    assert len(seen) == 1
