"""How a command ends: its exit code, and what is said of an error."""
from collections.abc import Callable
import os

from flightlog_bucket.cli.backend import Failure, NotReachable
from flightlog_bucket.cli.streams import check_stdout, OutputLost, own_streams, silence
from flightlog_bucket.cli.terminal import complain
from flightlog_bucket.errors import ConfigurationError

NOT_DONE = 1
CANNOT = 2
"""As of wrong usage: something that is needed is missing, e.g. space for the output."""
# As a shell reports it: 128 and the number of the signal.
NOBODY_READS = 141


def exit_code_of(run: Callable[[], int]) -> int:
    """
    Run a command; return its exit code.

    :raises KeyboardInterrupt: on Ctrl-C
    """
    with own_streams():
        try:
            check_stdout()
            return _flushed(run)
        except BrokenPipeError:  # e.g. "| head"
            silence()
            return NOBODY_READS
        except OutputLost as error:
            silence()
            complain(str(error))
            return CANNOT
        except (ConfigurationError, NotReachable) as error:
            complain(str(error))
            return CANNOT
        except Failure as error:
            complain(str(error))
            return NOT_DONE
        except OSError as error:
            complain(_told(error))
            return CANNOT


def _flushed(run: Callable[[], int]) -> int:
    """Flush here rather than at the interpreter's end, so that a failure can be told."""
    try:
        code = run()
    except (BrokenPipeError, OutputLost):
        raise
    except BaseException:
        print(end='', flush=True)
        raise
    print(end='', flush=True)
    return code


def _told(error: OSError) -> str:
    if error.filename is None and _directory_is_gone():
        return ('the current directory is gone; change to one that is there, or give paths that'
                ' begin with /')
    where = '' if error.filename is None else f'{os.fsdecode(error.filename)}: '
    return where + (error.strerror or str(error) or type(error).__name__)


def _directory_is_gone() -> bool:
    try:
        os.getcwd()
    except OSError:
        return True
    return False
