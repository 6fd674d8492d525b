"""What the demonstration prints: the line that a person would type, the answer, a check mark."""
from typing import TextIO

_GREEN, _RED, _BOLD, _PLAIN = '\033[32m', '\033[31m', '\033[1m', '\033[0m'


class Narrator:
    """
    Prints the steps.

    :param stream: colours are used if it is a terminal
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_coloured = stream.isatty()
        encoding = (stream.encoding or '').lower().replace('-', '')
        self._check, self._cross = ('✓', '✗') if encoding == 'utf8' else ('ok:', 'FAILED:')

    def say(self, text: str = '') -> None:
        """Print a line."""
        print(text.encode('utf-8', 'backslashreplace').decode(), file=self._stream, flush=True)

    def typed(self, line: str) -> None:
        """Print a command as one types it."""
        self.say('$ ' + self._in(_BOLD, line))

    def answer(self, text: str) -> None:
        """Print what came back."""
        self.say(f'    {text}')

    def passed(self, what: str) -> None:
        """Print that a step gave what it must."""
        self.say(f'  {self._in(_GREEN, self._check)} {what}')

    def failed(self, what: str) -> None:
        """Print that a step did not give what it must."""
        self.say(f'  {self._in(_RED, self._cross)} {what}')

    def _in(self, colour: str, text: str) -> str:
        return f'{colour}{text}{_PLAIN}' if self._is_coloured else text
