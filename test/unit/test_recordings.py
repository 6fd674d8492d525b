"""The logs of the demonstration and of the tests, read by the libraries that people use."""
from pathlib import Path

from flightlog_bucket.demo.recordings import POSE_TOPIC
from mcap.reader import make_reader
import pytest
from pyulog import ULog
from rosbags.highlevel import AnyReader
from support.logs import START_NS, write_all, write_big_ulg, write_log


def test_pyulog_reads_the_ulog(tmp_path: Path) -> None:
    log = ULog(str(write_log(tmp_path / 'flight.ulg', duration_s=10.0)))
    counts = {data.name: len(data.data['timestamp']) for data in log.data_list}
    assert counts == {'vehicle_attitude': 500, 'vehicle_local_position': 500,
                      'vehicle_gps_position': 50}
    assert not log.file_corruption
    assert log.msg_info_dict['sys_name'] == 'PX4'
    assert [line.message for line in log.logged_messages] == ['Takeoff detected']
    gps = log.get_dataset('vehicle_gps_position').data
    assert gps['time_utc_usec'][0] * 1000 == START_NS
    attitude = log.get_dataset('vehicle_attitude').data
    norms = sum(attitude[f'q[{i}]'] ** 2 for i in range(4))
    assert norms == pytest.approx(1.0)
    assert log.get_dataset('vehicle_local_position').data['z'].min() == pytest.approx(-10.0)


def test_rosbags_reads_the_bag(tmp_path: Path) -> None:
    with AnyReader([write_log(tmp_path / 'flight.bag')]) as reader:
        messages = list(reader.messages())
        assert len(messages) == 100
        connection, time_ns, content = messages[0]
        assert (connection.topic, time_ns) == (POSE_TOPIC, START_NS)
        pose = reader.deserialize(content, connection.msgtype)
        assert pose.header.stamp.sec * 10**9 == START_NS


def test_mcap_reads_the_mcap(tmp_path: Path) -> None:
    with open(write_log(tmp_path / 'flight.mcap'), 'rb') as stream:
        messages = list(make_reader(stream).iter_messages())
    assert len(messages) == 100
    assert messages[0][1].topic == POSE_TOPIC
    assert messages[0][2].log_time == START_NS


def test_every_format_is_one_file_and_the_same_each_time(tmp_path: Path) -> None:
    first, second = tmp_path / 'first', tmp_path / 'second'
    for directory in (first, second):
        directory.mkdir()
        assert sorted(write_all(directory)) == sorted(directory.iterdir())
    for name in ('flight.ulg', 'flight.bag', 'flight.mcap'):
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.parametrize('size_bytes', [40_960, 1_000_000, 5_000_003])
def test_a_big_ulog_has_exactly_its_size(tmp_path: Path, size_bytes: int) -> None:
    path = write_big_ulg(tmp_path / 'big.ulg', size_bytes)
    assert path.stat().st_size == size_bytes
    log = ULog(str(path))
    assert not log.file_corruption
    assert len(log.data_list[0].data['timestamp']) == size_bytes // 16397


def test_the_seed_makes_the_big_ulog(tmp_path: Path) -> None:
    one, same, other = (write_big_ulg(tmp_path / f'{name}.ulg', 100_000, seed).read_bytes()
                        for name, seed in (('one', 1), ('same', 1), ('other', 2)))
    assert one == same
    assert one != other
