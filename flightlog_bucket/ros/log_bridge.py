"""Python's logging into the ROS log: console, file and /rosout."""
import logging
from typing import Any

from flightlog_bucket.operations.texts import explanation, printable
from rclpy.logging import get_logging_severity_from_string


class RosLogHandler(logging.Handler):
    """
    Hands every record to a ROS logger, whose level decides.

    :param logger: of the node
    """

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record. A name with a line break in it must not look like two records."""
        # rclpy remembers the severity of every line of code that logs: one line each.
        if record.levelno >= logging.CRITICAL:
            self._logger.fatal(self._text(record))
        elif record.levelno >= logging.ERROR:
            self._logger.error(self._text(record))
        elif record.levelno >= logging.WARNING:
            self._logger.warning(self._text(record))
        elif record.levelno >= logging.INFO:
            self._logger.info(self._text(record))
        elif self._logger.is_enabled_for(record.levelno):
            self._logger.debug(self._text(record))

    def _text(self, record: logging.LogRecord) -> str:
        text = explanation(printable(record.getMessage()))
        if record.exc_info:
            trace = logging.Formatter().formatException(record.exc_info)
            text += '\n' + trace.encode('utf-8', 'backslashreplace').decode('utf-8')
        return text


def bridge(logger: Any) -> None:
    """
    Send the log of this package, and the errors of all others, to the ROS logger.

    Other packages stay silent below ERROR: botocore writes whole requests with their
    credentials at DEBUG.

    :param logger: of the node
    """
    ours, others = RosLogHandler(logger), RosLogHandler(logger)
    others.setLevel(logging.ERROR)
    package = logging.getLogger('flightlog_bucket')
    package.handlers = [ours]
    package.setLevel(logging.DEBUG)
    package.propagate = False
    logging.getLogger().handlers = [others]


class LogLevel:
    """
    The level of the node's own lines.

    :param logger: of the node, at the level that it was started with
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._first = logger.get_effective_level()

    def set(self, name: str) -> None:
        """
        Write no less severe lines from now on.

        :param name: ``debug``, ``info``, ``warn``, ``error`` or ``fatal``; empty: as the node was
            started
        """
        level = get_logging_severity_from_string(name) if name else self._first
        if level != self._logger.get_effective_level():
            self._logger.set_level(level)
