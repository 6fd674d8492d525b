"""The rosbag2 directories in the ledger."""
import os
from pathlib import Path
import sqlite3
from typing import Optional

from flightlog_bucket.transfers.records import Bag


def newest(database: sqlite3.Connection, destination: str, path: Path) -> Optional[Bag]:
    """Return the newest bag of a directory."""
    found = database.execute(
        'SELECT id, folder FROM bags WHERE destination = ? AND path = ? ORDER BY id DESC LIMIT 1',
        (destination, os.fsencode(path))).fetchone()
    return Bag(found['id'], path, found['folder']) if found else None


def find_or_make(database: sqlite3.Connection, destination: str, path: Path, folder: str) -> Bag:
    """Return the bag of a directory with this folder, a new one if there is none."""
    key = (destination, os.fsencode(path), folder)
    found = database.execute(
        'SELECT id FROM bags WHERE destination = ? AND path = ? AND folder = ?', key).fetchone()
    if found:
        return Bag(found['id'], path, folder)
    made = database.execute('INSERT INTO bags (destination, path, folder) VALUES (?, ?, ?)', key)
    return Bag(int(made.lastrowid or 0), path, folder)


def unfinished(database: sqlite3.Connection, destination: str, limit: int) -> list[Bag]:
    """Return the newest bags of which no ``metadata.yaml`` was accepted."""
    found = database.execute(
        'SELECT id, path, folder FROM bags b WHERE destination = ? AND NOT EXISTS'
        ' (SELECT 1 FROM transfers t WHERE t.bag = b.id AND t.is_last)'
        ' ORDER BY id DESC LIMIT ?', (destination, limit)).fetchall()
    return [Bag(row['id'], Path(os.fsdecode(row['path'])), row['folder']) for row in found]
