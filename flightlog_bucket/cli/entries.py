"""One stored log as programs get it."""
from flightlog_bucket.cli.backend import Entry
from flightlog_bucket.cli.words import iso_text


def fields_of(entry: Entry) -> dict[str, object]:
    """Return what JSON can hold; times are ISO 8601 in UTC, None: not known."""
    return {**vars(entry), 'last_modified': iso_text(entry.last_modified),
            'start': iso_text(entry.start)}
