"""
Run a program that ends with the process that started it, even if that one is killed.

``subprocess.Popen(tied.command('prog', 'argument'))``. Linux only, as ROS 2 robots are; elsewhere
the program runs without the tie.
"""
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html


def command(*arguments: str) -> list[str]:
    """
    Return the command line that runs ``arguments``, tied to this process.

    The thread that starts it counts as the parent, so start it from one that stays.
    """
    return [sys.executable, os.path.abspath(__file__), str(os.getpid()), *arguments]


def main() -> None:
    """Become the program named on the command line."""
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != int(sys.argv[1]):
            sys.exit('the parent has gone')
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - that is what it is for


if __name__ == '__main__':
    main()
