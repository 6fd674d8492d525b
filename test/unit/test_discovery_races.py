"""What is there at the start, clocks that are wrong, and files that are being compressed."""
from collections.abc import Iterator
from pathlib import Path

from made_logs import mcap
import pytest
from support.discovering import Desk, desk_at, NOW_S, RESCAN_S, SETTLE_S, zstd


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(tmp_path) as desk:
        desk.look()
        yield desk


class TestStart:
    def test_old_logs_are_accepted_at_once(self, desk: Desk) -> None:
        desk.write('a.ulg')
        desk.wall_s += SETTLE_S
        desk.restart()
        assert desk.look() == ['a.ulg']

    def test_young_and_open_logs_are_not(self, desk: Desk) -> None:
        desk.open.add(desk.write('open.ulg'))
        desk.wall_s += SETTLE_S - 1
        desk.write('young.ulg')
        desk.restart()
        assert desk.look() == []

    @pytest.mark.parametrize('wall_s', [0.0, 50.0, NOW_S - 1e6, 5e9], ids=str)
    def test_a_wrong_clock_loses_nothing(self, desk: Desk, wall_s: float) -> None:
        desk.write('a.ulg')
        desk.wall_s = wall_s
        desk.restart()
        assert desk.look() + desk.wait(SETTLE_S + 2) == ['a.ulg']

    def test_a_clock_that_jumps_later_hurries_nothing(self, desk: Desk) -> None:
        path = desk.write('a.ulg')
        desk.wait(1, path)
        desk.wall_s += 1e8
        assert desk.wait(SETTLE_S - 1, path) == []
        assert desk.wait(2) == ['a.ulg']

    def test_a_lost_ledger_is_made_anew_from_the_folders(self, desk: Desk) -> None:
        desk.write('a.ulg')
        desk.wall_s += SETTLE_S
        assert desk.wait(RESCAN_S + SETTLE_S + 2) == ['a.ulg']
        desk.restart(is_ledger_lost=True)
        assert desk.look() == ['a.ulg']


class TestCompression:
    def test_the_compressed_file_is_taken_the_plain_one_not(self, desk: Desk) -> None:
        plain = desk.write('x.mcap', mcap())
        compressed = desk.write('x.mcap.zstd', zstd()[:-3])  # growing
        assert desk.announce(plain) == []
        assert desk.wait(SETTLE_S + 2, plain, compressed) == []
        assert 'is being compressed' in desk.explain(plain)
        desk.write('x.mcap.zstd', zstd())
        assert desk.wait(1) == []
        plain.unlink()
        assert desk.wait(2 * SETTLE_S + 2, compressed) == ['x.mcap.zstd']

    def test_a_plain_file_that_stays_beside_is_not_taken(self, desk: Desk) -> None:
        plain = desk.write('x.mcap', mcap())
        compressed = desk.write('x.mcap.zstd', zstd())
        assert desk.wait(20 * SETTLE_S, plain, compressed) == ['x.mcap.zstd']
        assert desk.announce(plain) == ['x.mcap.zstd']
        assert len(desk.transfers()) == 1

    def test_an_announced_plain_file_that_has_vanished_is_the_compressed_one(
            self, desk: Desk) -> None:
        desk.write('x.mcap.zstd', zstd())
        assert desk.announce(desk.logs / 'x.mcap') == ['x.mcap.zstd']

    def test_an_accepted_plain_file_that_vanishes_is_the_compressed_one(
            self, desk: Desk, tmp_path: Path) -> None:
        plain = tmp_path / 'x.mcap'
        plain.write_bytes(mcap())
        assert desk.announce(plain) == ['x.mcap']
        plain.rename(tmp_path / 'x.mcap.zstd')
        desk.discovery.gone(plain)
        desk.discovery.gone(tmp_path / 'nothing.ulg')
        assert desk.wait(1) == ['x.mcap.zstd']

    def test_both_are_kept_when_the_compressor_crashes(self, desk: Desk) -> None:
        plain = desk.write('x.mcap', mcap())
        compressed = desk.write('x.mcap.zstd', zstd()[:-3])
        names = desk.wait(30 * SETTLE_S, plain, compressed)
        assert sorted(names) == ['x.mcap', 'x.mcap.zstd']
        assert desk.note(plain) == ''
        assert 'no end mark' in desk.note(compressed)

    def test_outside_of_the_folders_the_plain_file_is_safer_than_none(
            self, desk: Desk, tmp_path: Path) -> None:
        plain = tmp_path / 'x.mcap'
        plain.write_bytes(mcap())
        (tmp_path / 'x.mcap.zstd').write_bytes(zstd()[:-3])
        assert desk.announce(plain) == ['x.mcap']
