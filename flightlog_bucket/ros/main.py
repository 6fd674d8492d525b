"""
The process of the node: ``ros2 run flightlog_bucket flightlog_bucket_node``.

It imports next to nothing at its top, so that the signal handlers stand before anything that
takes time.
"""
from collections.abc import Sequence
import os
import signal
import sys
import threading
from typing import Any, NoReturn, Optional

USAGE = """usage: flightlog_bucket_node [--ros-args ...]

Stores the flight logs of this robot in S3. Its settings are ROS parameters, e.g.
  flightlog_bucket_node --ros-args --params-file flightlog_bucket.yaml"""

ENDED, FAILED, MISCONFIGURED = 0, 1, 2
GRACE_S = 1.5
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_FAILURE = 255  # no signal has this number


class Ending:
    """
    What SIGINT and SIGTERM do.

    While the node starts, there is nothing to lose yet, and they end the process at once. Later
    they wake ``wait``: by a byte in a pipe, since the operating system may hand a signal to any
    thread, e.g. of the middleware, and then interrupts no wait of the main thread.
    """

    def __init__(self) -> None:
        self._wait_end, self._wake_end = os.pipe()
        os.set_blocking(self._wake_end, False)
        self._serving = False

    def install(self) -> None:
        """Install the handlers."""
        signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def begin_serving(self) -> None:
        """From now on, end in order."""
        self._serving = True

    def fail(self) -> None:
        """Let ``wait`` return ``FAILED``."""
        os.write(self._wake_end, bytes([_FAILURE]))

    def wait(self) -> int:
        """Wait for a signal, or for ``fail``; return the exit code."""
        while True:
            reason = os.read(self._wait_end, 1)[0]
            if reason in SIGNALS:
                return ENDED
            if reason == _FAILURE:
                return FAILED

    def _on_signal(self, number: int, frame: Any) -> None:
        if not self._serving:
            os._exit(ENDED)


def main(args: Optional[Sequence[str]] = None) -> NoReturn:
    """
    Run the node until SIGINT or SIGTERM, then end the process.

    Exit codes: 0 ended by a signal, 1 failed, 2 a setting is wrong.

    :param args: the command line; None: that of the process
    """
    ending = Ending()
    ending.install()
    code = _run(list(sys.argv if args is None else args), ending)
    # Threads may still sit in a read from a dead link, and the interpreter's own way out can
    # hang or crash below them in the middleware.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(args: list[str], ending: Ending) -> int:
    try:
        import rclpy
    except ModuleNotFoundError:
        print('flightlog_bucket: ROS 2 is not here; source its setup.bash first', file=sys.stderr)
        return MISCONFIGURED
    from rclpy.signals import SignalHandlerOptions
    from rclpy.utilities import remove_ros_args
    try:
        unknown = remove_ros_args(args)[1:]
        if unknown:
            return _explain_usage(unknown[0])
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # all that rcl raises
        return _cannot_start(error)
    code = FAILED
    try:
        code = _serve(ending)
    finally:
        _bound_the_end(code)
        rclpy.try_shutdown()
    return code


def _serve(ending: Ending) -> int:
    from flightlog_bucket.errors import ConfigurationError
    from flightlog_bucket.ros.node import FlightlogBucketNode, NAME
    from flightlog_bucket.ros.spinning import Spinning
    from rclpy._rclpy_pybind11 import RCLError
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.logging import get_logger
    try:
        executor = SingleThreadedExecutor()
        node = FlightlogBucketNode(executor, os.environ)
    except ConfigurationError as error:
        get_logger(NAME).fatal(_one_line(error))
        return MISCONFIGURED
    except RCLError as error:
        return _cannot_start(error)
    executor.add_node(node)
    spinning = Spinning(executor, ending.fail)
    ending.begin_serving()
    spinning.begin()
    node.announce()
    code = ending.wait()
    _bound_the_end(code)
    node.close()
    if spinning.end(within_s=GRACE_S):
        node.destroy_node()
        executor.shutdown()
    return code


def _bound_the_end(code: int) -> None:
    watchdog = threading.Timer(GRACE_S, os._exit, (code,))
    watchdog.daemon = True
    watchdog.start()


def _cannot_start(error: Exception) -> int:
    hint = ('; set HOME or ROS_LOG_DIR to a folder that can be written'
            if 'logging' in str(error) else '')
    print(f'flightlog_bucket: ROS 2 cannot start: {_one_line(error)}{hint}', file=sys.stderr)
    return MISCONFIGURED


def _explain_usage(argument: str) -> int:
    if argument in ('-h', '--help'):
        print(USAGE)
        return ENDED
    print(f'flightlog_bucket: unknown argument {argument!r}; see --help', file=sys.stderr)
    return MISCONFIGURED


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())


if __name__ == '__main__':
    main()
