"""How deep a log is checked, and what a check says of it."""
from dataclasses import dataclass

HEADER = 'header'
"""The magic and the version."""
STRUCTURE = 'structure'
"""Footer, index, summary and metadata agree with the file; the data are not read."""
FULL = 'full'
"""Every record and every checksum, with the library of the format, in a process of its own."""
LEVELS = (HEADER, STRUCTURE, FULL)

VALID = 'valid'
TRUNCATED = 'truncated'
"""Cut off, e.g. with the power of its recorder; what is there can be used."""
CORRUPT = 'corrupt'
MISMATCH = 'mismatch'
"""Of another format than its name says."""


@dataclass(frozen=True)
class Verdict:
    """
    What a check says of a log.

    :param outcome: ``valid``, ``truncated``, ``corrupt`` or ``mismatch``
    :param reason: of every outcome but ``valid``; of that, what could not be looked at
    """

    outcome: str
    reason: str = ''

    @property
    def is_usable(self) -> bool:
        """Whether a person can work with the log."""
        return self.outcome in (VALID, TRUNCATED)


def one_line(text: str) -> str:
    """Return a text as it can be shown: what comes out of a log may be anything."""
    return ''.join(character if character.isprintable()
                   else character.encode('unicode_escape').decode() for character in text)
