"""What is in a bucket, seen with all rights."""
from typing import Any

from flightlog_bucket import FlightLogBucket


def objects(admin: Any, bucket: FlightLogBucket) -> dict[str, int]:
    """Return the sizes of all objects of a machine, by key."""
    found = admin.list_objects_v2(Bucket=bucket.settings.bucket_name,
                                  Prefix=bucket.settings.machine_prefix)
    return {entry['Key']: entry['Size'] for entry in found.get('Contents', ())}
