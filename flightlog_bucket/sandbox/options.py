"""What a sandbox is set to."""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SandboxOptions:
    """
    The settings of one sandbox.

    :param bucket_name: the one bucket that it has
    :param region: the region that it says it is in
    :param upload_prefix: the folder above the machines' folders
    :param robot_instance_id: the machine that its session tokens are for
    :param own_folder_only: the tokens reach only the objects of this machine; otherwise they
        have exactly the policy of the README, which opens the whole bucket
    :param s3_port: 0: a free one
    :param session_token_port: 0: a free one
    :param bearer_token: what the session-token service asks for; empty: nothing
    :param token_lifetime_s: seconds that a session token is valid
    """

    bucket_name: str = 'flight-logs'
    region: str = 'us-east-1'
    upload_prefix: str = 'flight_logs/'
    robot_instance_id: str = 'drone-001'
    own_folder_only: bool = False
    s3_port: int = 0
    session_token_port: int = 0
    bearer_token: str = field(default='', repr=False)
    token_lifetime_s: float = 3600.0

    @property
    def machine_prefix(self) -> str:
        """The folder that holds every key of this machine, with its final slash."""
        return f'{self.upload_prefix.strip("/")}/{self.robot_instance_id}/'.lstrip('/')

    def policy(self) -> dict[str, object]:
        """Return the IAM policy of the session tokens."""
        bucket = f'arn:aws:s3:::{self.bucket_name}'
        objects = f'{bucket}/{self.machine_prefix}*' if self.own_folder_only else f'{bucket}/*'
        return {
            'Version': '2012-10-17',
            'Statement': [{
                'Effect': 'Allow',
                'Action': ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:ListBucket'],
                'Resource': [objects, bucket],
            }],
        }
