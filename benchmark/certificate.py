"""
A certificate for loopback, and the authority that signed it; made anew for every use.

``python -m benchmark.certificate DIRECTORY`` makes them in a process of its own: what a process
has in memory counts as the least that the clients have which it starts.
"""
from dataclasses import dataclass
from pathlib import Path
import subprocess
import sys

_ROOT = Path(__file__).resolve().parents[1]
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Certificate:
    """
    What a server needs for TLS, and a client to trust it.

    :param directory: that holds the files
    """

    directory: Path

    @classmethod
    def make(cls, directory: Path) -> 'Certificate':
        """Make the files in an existing directory."""
        subprocess.run([sys.executable, '-m', 'benchmark.certificate', str(directory)],
                       cwd=_ROOT, check=True, timeout=_TIMEOUT_S)
        return cls(directory)

    @property
    def ca(self) -> Path:
        """The certificate of the authority."""
        return self.directory / 'ca.pem'

    @property
    def certificate(self) -> Path:
        """The certificate of the server."""
        return self.directory / 'server.pem'

    @property
    def key(self) -> Path:
        """The private key of the server."""
        return self.directory / 'server.key'


def main() -> None:
    """Write the files."""
    import trustme
    made = Certificate(Path(sys.argv[1]))
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    server = authority.issue_cert('127.0.0.1', 'localhost', key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(str(made.ca))
    for blob in server.cert_chain_pems:
        blob.write_to_path(str(made.certificate), append=True)
    server.private_key_pem.write_to_path(str(made.key))


if __name__ == '__main__':
    main()
