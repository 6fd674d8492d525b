"""The tables of the ledger, and the steps from each version of them to the next."""
import sqlite3

from flightlog_bucket.errors import ConfigurationError

_FIRST = """
CREATE TABLE bags (
    id INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    path BLOB NOT NULL,
    folder TEXT NOT NULL
);
CREATE INDEX bags_by_path ON bags (path);

CREATE TABLE transfers (
    id INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    machine TEXT NOT NULL,
    path BLOB NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    bag INTEGER REFERENCES bags (id),
    is_last INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL CHECK (state IN ('queued', 'stored', 'rejected')),
    urgent INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt REAL NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    fault TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '',
    key TEXT NOT NULL DEFAULT '',
    etag TEXT NOT NULL DEFAULT '',
    crc32 INTEGER,
    upload_id TEXT NOT NULL DEFAULT '',
    part_size INTEGER NOT NULL DEFAULT 0,
    accepted REAL NOT NULL,
    settled REAL NOT NULL DEFAULT 0,
    deleted TEXT NOT NULL DEFAULT ''
);
-- A log is on its way once, however many triggers name it.
CREATE UNIQUE INDEX on_their_way ON transfers (destination, path, name) WHERE state = 'queued';
CREATE INDEX transfers_by_path ON transfers (path);
CREATE INDEX transfers_in_turn ON transfers (destination, urgent DESC, size, id)
    WHERE state = 'queued';
CREATE INDEX transfers_by_time ON transfers (destination, next_attempt)
    WHERE state = 'queued' AND next_attempt > 0;
CREATE INDEX transfers_by_bag ON transfers (bag) WHERE bag IS NOT NULL;

CREATE TABLE parts (
    transfer INTEGER NOT NULL REFERENCES transfers (id),
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    etag TEXT NOT NULL,
    PRIMARY KEY (transfer, number)
) WITHOUT ROWID;

CREATE TABLE orphans (
    upload_id TEXT PRIMARY KEY,
    destination TEXT NOT NULL,
    key TEXT NOT NULL,
    reason TEXT NOT NULL,
    problem TEXT NOT NULL DEFAULT ''
);

CREATE TABLE deletions (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL,
    key TEXT NOT NULL,
    size INTEGER NOT NULL,
    deleted REAL NOT NULL,
    cause TEXT NOT NULL
);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""

# What is in a log that is stored.
_SECOND = """
ALTER TABLE transfers ADD COLUMN format TEXT NOT NULL DEFAULT '';
ALTER TABLE transfers ADD COLUMN verdict TEXT NOT NULL DEFAULT '';
ALTER TABLE transfers ADD COLUMN verdict_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE transfers ADD COLUMN start TEXT NOT NULL DEFAULT '';
ALTER TABLE transfers ADD COLUMN duration REAL NOT NULL DEFAULT 0;
ALTER TABLE transfers ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
CREATE INDEX transfers_by_key ON transfers (key) WHERE state = 'stored';

CREATE TABLE descriptions (
    transfer INTEGER PRIMARY KEY REFERENCES transfers (id),
    description TEXT NOT NULL
);
CREATE TRIGGER forget_description AFTER DELETE ON transfers BEGIN
    DELETE FROM descriptions WHERE transfer = OLD.id;
END
"""

# Each leads to the next version. What has been released is never changed, only added to.
MIGRATIONS = (_FIRST, _SECOND)


def migrate(database: sqlite3.Connection) -> None:
    """
    Bring the tables to the newest version, each step whole or not at all.

    :raises ConfigurationError: if a newer version of this package has written them
    """
    version = database.execute('PRAGMA user_version').fetchone()[0]
    if version > len(MIGRATIONS):
        raise ConfigurationError(
            f'the ledger has version {version}, and this flightlog_bucket knows version'
            f' {len(MIGRATIONS)} at most; install the newer one again, or give another'
            ' state_directory')
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        database.executescript(f'BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number};'
                               ' COMMIT;')
