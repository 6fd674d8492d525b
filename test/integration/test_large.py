"""A log of 1 GiB: what the process that sends and fetches it takes."""
import json
from pathlib import Path
import subprocess
import sys
from typing import Any

from flightlog_bucket.settings import GIB
import pytest
from support.logs import write_big_ulg, write_dated_log
from support.rclone_server import RcloneServer
from support.session_service import json_answer, ScriptedSessionService

REPOSITORY = Path(__file__).resolve().parents[2]
SIZE = GIB
MOST_KIB = 48 * 1024

# Prints a JSON object for each step: seconds, CPU seconds, and KiB of resident memory at most.
_CLIENT = """
import json, sys, time
from pathlib import Path
from flightlog_bucket import BucketSettings, FlightLogBucket

def resident_kib(name):
    return next(int(line.split()[1]) for line in open('/proc/self/status')
                if line.startswith(name))

def measured(name, call):
    Path('/proc/self/clear_refs').write_text('5')  # VmHWM begins anew
    idle, began, cpu = resident_kib('VmRSS'), time.monotonic(), time.process_time()
    result = call()
    print(json.dumps({'step': name, 'took_s': time.monotonic() - began,
                      'cpu_s': time.process_time() - cpu, 'idle_kib': idle,
                      'grown_kib': resident_kib('VmHWM') - idle}), flush=True)
    return result

endpoint, service, name, small, large, target = sys.argv[1:]
bucket = FlightLogBucket(BucketSettings(
    service, name, 'drone-large', endpoint_url=endpoint, request_timeout_s=120))
bucket.upload(Path(small))  # what the first call loads belongs to idle
stored = measured('upload', lambda: bucket.upload(Path(large)))
measured('download', lambda: bucket.download(stored.s3_key, Path(target)))
"""


def same(one: Path, other: Path) -> bool:
    with open(one, 'rb') as first, open(other, 'rb') as second:
        while block := first.read(1 << 24):
            if block != second.read(1 << 24):
                return False
        return second.read(1) == b''


@pytest.mark.timeout(300)
def test_memory(rclone: RcloneServer, tmp_path: Path, record_property: Any) -> None:
    large, target = tmp_path / 'large.ulg', tmp_path / 'back.ulg'
    write_big_ulg(large, SIZE)
    small = write_dated_log(tmp_path / 'small.ulg')
    with ScriptedSessionService(json_answer(rclone.token_fields())) as service:
        child = subprocess.run(
            [sys.executable, '-c', _CLIENT, rclone.endpoint_url, service.url, rclone.bucket_name,
             str(small), str(large), str(target)],
            cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, timeout=280, check=True)
    steps = {step.pop('step'): step for step in map(json.loads, child.stdout.splitlines())}
    for name, figures in steps.items():
        record_property(name, figures)
        print(name, figures)
        assert figures['grown_kib'] < MOST_KIB, (name, figures)
    assert same(large, target)
    for path in (large, target):  # pytest keeps the last folders
        path.unlink()
