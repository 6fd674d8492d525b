"""What a process takes over from the one before."""
from flightlog_bucket.transfers.sqlite_files import Connection


def begin(database: Connection, *, machine: str, destination: str) -> None:
    """
    Queue all that was on its way, or waited, for the machine and the bucket of this process.

    :param machine: this machine
    :param destination: the bucket and the folder in it
    """
    # What was accepted is stored in whatever bucket the machine has now; the parts that are up
    # in another one are of no use.
    database.execute(
        'INSERT OR IGNORE INTO orphans (upload_id, destination, key, reason)'
        " SELECT upload_id, destination, key, 'the log goes to another bucket' FROM transfers"
        " WHERE state = 'queued' AND destination != ? AND upload_id != ''",
        (destination,))
    database.execute(
        'UPDATE bags SET destination = ? WHERE destination != ? AND id IN'
        " (SELECT bag FROM transfers WHERE state = 'queued')",
        (destination, destination))
    database.execute(
        "UPDATE OR IGNORE transfers SET destination = ?, machine = ?, upload_id = '',"
        " part_size = 0, key = '' WHERE state = 'queued' AND destination != ?",
        (destination, machine, destination))
    database.execute(
        'DELETE FROM parts WHERE transfer IN'
        " (SELECT id FROM transfers WHERE upload_id = '')")
    database.execute("UPDATE transfers SET next_attempt = 0, urgent = 0"
                     " WHERE state = 'queued'")
