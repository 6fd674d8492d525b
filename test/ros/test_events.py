"""Uploads by what recorders publish."""
from pathlib import Path

from flightlog_bucket.srv import Info
import split_events
from std_msgs.msg import String
from support.expect import wait_until
from support.logs import write_log

BAG_CLOSED = '/flightlog_bucket/bag_closed'


def test_bag_closed(node, ros, log) -> None:
    ros.publish(String, BAG_CLOSED, data=str(log))
    node.wait_for(f'stored {log} as flight_logs/drone-001/')
    # The line comes before the row of the ledger, here and below.
    wait_until(lambda: ros.call(Info, file_path=str(log)).file_state == 'stored')
    assert ros.call(Info).stored == 1


def test_events_that_name_no_log_are_logged_and_do_no_harm(node, ros, log) -> None:
    ros.publish(String, BAG_CLOSED, data='')
    node.wait_for('data is empty')
    ros.publish(String, BAG_CLOSED, data='/nowhere/flight.ulg')
    node.wait_for('rejected: /nowhere/flight.ulg')
    ros.publish(String, BAG_CLOSED, data=str(log))
    node.wait_for(f'stored {log} as')
    wait_until(lambda: ros.call(Info, file_path=str(log)).file_state == 'stored')
    info = ros.call(Info)
    assert (info.stored, info.rejected, info.queued) == (1, 0, 0)
    assert any('/nowhere/flight.ulg' in error for error in info.last_errors)


def test_many_events_at_once_are_all_stored(node, ros, tmp_path) -> None:
    logs = [write_log(tmp_path / f'{tmp_path.name}_{n}.ulg') for n in range(30)]
    for log in logs:
        for _ in range(2):  # the same file twice is one upload, or finds it stored
            ros.publish(String, BAG_CLOSED, data=str(log))
    for log in logs:
        node.wait_for(f'{log} as')
    for log in logs:
        wait_until(lambda log=log: ros.call(Info, file_path=str(log)).file_state == 'stored')


def test_write_split(start_node, parameters, ros, tmp_path, rosbag2_interfaces) -> None:
    recordings = tmp_path / 'recordings'
    recordings.mkdir()
    node = start_node({**parameters, 'bag_directory': str(recordings)},
                      environment=rosbag2_interfaces).serving()
    first = write_log(recordings / f'{tmp_path.name}_0.mcap')
    last = write_log(recordings / f'{tmp_path.name}_1.mcap')
    split_events.publish(rosbag2_interfaces, str(Path('.') / first.name), last.name)
    node.wait_for(f'stored {first} as')
    split_events.publish(rosbag2_interfaces, '', '')
    split_events.publish(rosbag2_interfaces, str(last), '')
    node.wait_for(f'stored {last} as')
    wait_until(lambda: ros.call(Info, file_path=first.name).file_state == 'stored')
    assert ros.call(Info).rejected == 0


def test_write_split_in_the_namespace_of_the_recorder(start_node, parameters, log,
                                                      rosbag2_interfaces) -> None:
    node = start_node(parameters, environment=rosbag2_interfaces,
                      ros_arguments=('-r', 'events/write_split:=/events/write_split',
                                     '-r', '__ns:=/robot1')).serving()
    split_events.publish(rosbag2_interfaces, str(log), '')
    node.wait_for(f'stored {log} as')


def test_without_rosbag2_interfaces_the_node_says_so_once(node) -> None:
    if 'rosbag2_interfaces is not installed' not in node.log:
        import rosbag2_interfaces  # noqa: F401 - there: then it must not be said
        return
    assert node.log.count('rosbag2_interfaces is not installed') == 1
