"""Whose logs a machine can reach."""
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import AccessDenied, NotAllowed
from support.expect import failure
from support.objects import objects


def test_another_machine_by_argument(bucket: FlightLogBucket, log: Path, tmp_path: Path) -> None:
    own = bucket.upload(log, machine_id=bucket.settings.robot_instance_id).s3_key
    calls: list[Callable[[], Any]] = [
        lambda: bucket.upload(log, machine_id='another'),
        lambda: bucket.list_files(machine_id='another'),
        lambda: bucket.download(own, tmp_path / 'x.ulg', machine_id='another'),
        lambda: bucket.delete(own, machine_id='another')]
    for call in calls:
        with failure(AccessDenied, 403, 'Access denied', 'another'):
            call()
    assert [f.key for f in bucket.list_files().files] == [own]


def test_a_longer_name_is_another_machine(connect: Callable[..., FlightLogBucket], admin: Any,
                                          log: Path, machine: str, tmp_path: Path) -> None:
    bucket, longer = connect(), connect(robot_instance_id=f'{machine}0')
    theirs = longer.upload(log).s3_key
    assert bucket.list_files().files == ()
    folder = bucket.settings.machine_prefix
    for key in (theirs, f'{folder}../{machine}0/{theirs.rpartition("/")[2]}',
                f'{folder}./x.ulg', f'{folder}/x.ulg', folder, 'x.ulg', '/' + folder + 'x.ulg'):
        with failure(AccessDenied, 403, 'Access denied', 'folder of this machine'):
            bucket.download(key, tmp_path / 'x.ulg')
        with failure(AccessDenied, 403, 'Access denied', 'folder of this machine'):
            bucket.delete(key)
    with failure(AccessDenied, 403, 'leads out of the folder'):
        bucket.list_files(prefix=longer.settings.machine_prefix)
    assert list(objects(admin, longer)) == [theirs]
    assert not (tmp_path / 'x.ulg').exists()


def test_the_policy_of_the_token_is_the_last_word(
        connect: Callable[..., FlightLogBucket],
        session_of_role: Callable[..., Any], log: Path) -> None:
    service = session_of_role('s3:PutObject', 's3:GetObject', 's3:ListBucket')
    bucket = connect(session_token_url=service.url)
    stored = bucket.upload(log)
    with failure(NotAllowed, 403, 'Access denied', 'does not allow', stored.s3_key):
        bucket.delete(stored.s3_key)
    assert bucket.list_files().files[0].key == stored.s3_key
    assert service.count == 2  # the token was renewed once, in case it had expired


def test_a_token_for_one_folder_only(connect: Callable[..., FlightLogBucket],
                                     session_of_role: Callable[..., Any], log: Path) -> None:
    own = connect()
    arn = f'arn:aws:s3:::{own.settings.bucket_name}'
    service = session_of_role('s3:PutObject', 's3:GetObject', 's3:ListBucket',
                              resource=(arn, f'{arn}/{own.settings.machine_prefix}*'))
    own = connect(session_token_url=service.url)
    other = connect(session_token_url=service.url,
                    robot_instance_id=f'{own.settings.robot_instance_id}0')
    assert own.upload(log).s3_key.startswith(own.settings.machine_prefix)
    with failure(NotAllowed, 403, 'Access denied', 'does not allow'):
        other.upload(log)
