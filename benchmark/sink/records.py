"""What the sink knows of the objects: a file of JSON each, which all its processes share."""
from dataclasses import asdict, dataclass, field
import json
import os
from pathlib import Path
from typing import Optional
from urllib.parse import quote, unquote
import uuid


@dataclass(frozen=True)
class Record:
    """
    One object.

    :param size: bytes
    :param etag: without its quotes
    :param headers: that answers about it have, e.g. ``Content-Type`` and its metadata
    :param checksums: headers that answers have where checksums are asked for
    :param path: of the file that holds the content; empty: it was thrown away
    """

    size: int
    etag: str
    headers: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    path: str = ''

    @property
    def file(self) -> Path:
        """The file that holds the content."""
        return Path(self.path)


class Records:
    """
    Every object and every multipart upload that is open.

    :param root: an existing directory
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, key: str) -> Optional[Record]:
        """Return the object; None if there is none."""
        try:
            return Record(**json.loads(self._object(key).read_text()))
        except FileNotFoundError:
            return None

    def all(self) -> dict[str, Record]:
        """Return every object by its key."""
        keys = [unquote(path.name.partition('.')[2]) for path in self._root.glob('object.*')]
        return {key: record for key in keys if (record := self.find(key))}

    def put(self, key: str, record: Record) -> None:
        """Note an object; one that is there is replaced."""
        self._write(self._object(key), asdict(record))

    def remove(self, key: str) -> None:
        """Forget an object."""
        self._object(key).unlink(missing_ok=True)

    def begin(self, headers: dict[str, str]) -> str:
        """Open a multipart upload and return its id; ``headers`` are for the object."""
        upload_id = uuid.uuid4().hex
        self._write(self._upload(upload_id), headers)
        return upload_id

    def note_part(self, upload_id: str, number: int, size: int) -> None:
        """Note a part that has come whole, of ``size`` bytes."""
        # Lines this short that are appended in one write do not mix.
        line = f'{number} {size}\n'.encode()
        parts = os.open(self._parts(upload_id), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(parts, line)
        finally:
            os.close(parts)

    def complete(self, key: str, upload_id: str, checksums: dict[str, str]) -> Record:
        """
        Make an object of the parts.

        :raises FileNotFoundError: if there is no such multipart upload, or it has no part
        """
        headers = json.loads(self._upload(upload_id).read_text())
        lines = (line.split() for line in self._parts(upload_id).read_text().splitlines())
        sizes = {int(number): int(size) for number, size in lines}
        # The shape of an ETag after a multipart upload, which nobody can compare with content.
        record = Record(sum(sizes.values()), f'{uuid.uuid4().hex}-{len(sizes)}', headers,
                        checksums)
        self.put(key, record)
        self.abort(upload_id)
        return record

    def abort(self, upload_id: str) -> None:
        """Forget a multipart upload."""
        self._upload(upload_id).unlink(missing_ok=True)
        self._parts(upload_id).unlink(missing_ok=True)

    def _object(self, key: str) -> Path:
        return self._root / f'object.{quote(key, safe="")}'

    def _upload(self, upload_id: str) -> Path:
        return self._root / f'upload.{quote(upload_id, safe="")}'

    def _parts(self, upload_id: str) -> Path:
        return self._root / f'parts.{quote(upload_id, safe="")}'

    def _write(self, path: Path, content: object) -> None:
        new = path.with_name(f'new.{uuid.uuid4().hex}')
        new.write_text(json.dumps(content))
        new.replace(path)
