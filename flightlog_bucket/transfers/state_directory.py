"""The folder that keeps the ledger: where it is, and that one process alone has it."""
from collections.abc import Mapping
import fcntl
import logging
import os
from pathlib import Path

from flightlog_bucket.errors import ConfigurationError, LedgerInUse

_log = logging.getLogger(__name__)

_LOCK = 'lock'
_MODE = 0o700


def default_state_directory(environment: Mapping[str, str]) -> Path:
    """
    Return ``$ROS_HOME/flightlog_bucket``, else ``~/.ros/flightlog_bucket``.

    :param environment: gives ROS_HOME and HOME
    :raises ConfigurationError: if neither is set
    """
    ros_home = environment.get('ROS_HOME') or ''
    if not ros_home:
        home = environment.get('HOME') or ''
        if not home:
            raise ConfigurationError('state_directory is empty, and neither ROS_HOME nor HOME is'
                                     ' set; set one of them')
        ros_home = os.path.join(home, '.ros')
    return Path(ros_home).absolute() / 'flightlog_bucket'


class StateDirectory:
    """
    The folder, and the lock that this process has on it until it ends.

    :param path: absolute; made where it is missing
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    def claim(self) -> None:
        """
        Make the folder, and take the lock on it.

        The lock ends with the process, however that ends. Claiming a folder that was lost, or is
        another one by now, is possible at any time.

        :raises LedgerInUse: if another process has it
        :raises OSError: if the folder cannot be made or written
        """
        self.path.mkdir(mode=_MODE, parents=True, exist_ok=True)
        if self._has_it():
            return
        lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode('ascii', 'replace').strip() or 'unknown'
            os.close(lock)
            raise LedgerInUse(
                f'state_directory {self.path} is in use by the process {holder}; end that one, or'
                ' give this node another state_directory') from None
        except OSError:
            os.close(lock)
            raise
        self.release()
        self._lock = lock
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, b'%d\n' % os.getpid(), 0)
        except OSError as error:  # the disk is full: the next one is told no process id
            _log.debug('%s: %s', self.path / _LOCK, error)

    def _has_it(self) -> bool:
        try:
            return self._lock >= 0 and os.path.samestat(os.fstat(self._lock),
                                                        os.stat(self.path / _LOCK))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let another process have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
