"""The page for the field: one file, with all that it needs."""
import base64
from dataclasses import dataclass
import hashlib
from pathlib import Path
import re

_FILE = Path(__file__).with_name('page.html')
_PARTS = {'script-src': re.compile(rb'<script>(.*?)</script>', re.DOTALL),
          'style-src': re.compile(rb'<style>(.*?)</style>', re.DOTALL)}


@dataclass(frozen=True)
class Page:
    """
    What a browser is given.

    :param content: HTML in UTF-8
    :param policy: for ``Content-Security-Policy``: its own script and style alone, by their
        hashes, and requests to where it came from
    """

    content: bytes
    policy: str


def load(path: Path = _FILE) -> Page:
    """
    Return the page.

    :param path: of the file
    """
    content = path.read_bytes()
    sources = [f"{name} {' '.join(_hashes(pattern, content))}" for name, pattern in _PARTS.items()]
    return Page(content, '; '.join((
        "default-src 'none'", *sources, "connect-src 'self'", 'img-src data:', "base-uri 'none'",
        "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
        "trusted-types 'none'")))


def _hashes(pattern: 're.Pattern[bytes]', content: bytes) -> list[str]:
    """Return what CSP (level 3, 2.3.1) takes for a source, for each part that is found."""
    digests = [hashlib.sha256(part).digest() for part in pattern.findall(content)]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
