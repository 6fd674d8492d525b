"""All parameters of the node, in the order in which people read them."""
from flightlog_bucket.parameters.row import Row
from flightlog_bucket.settings import (
    DEFAULT_EXTENSIONS,
    GIB,
    MAX_OBJECT_SIZE_BYTES,
    MAX_PART_SIZE_BYTES,
    MIN_PART_SIZE_BYTES,
    VALIDATION_LEVELS,
)
from flightlog_bucket.transfers.retention_policy import (
    AT_ONCE,
    DAY_S,
    FREE_SPACE,
    KEEP,
    KEEP_DAYS,
    MAX_KEEP_DAYS,
)

LOG_LEVELS = ('', 'debug', 'info', 'warn', 'error', 'fatal')
_MAX_BYTES = 2 ** 60
_MAX_COUNT = 2 ** 31 - 1
_MAX_AGE_S = MAX_KEEP_DAYS * DAY_S

TABLE = (
    Row('bucket_name', '', 'The S3 bucket.', required=True),
    Row('session_token_url', '', 'Where session tokens are fetched with a POST.', required=True),
    Row('session_token_bearer_file', '', 'A file that holds the bearer token for the'
        ' session-token service. Empty: none is sent.'),
    Row('robot_instance_id', '', 'This machine: the folder of every key it may touch.'
        ' Empty: the environment variable ROBOT_INSTANCE_ID.'),
    Row('region', 'us-east-1', 'The AWS region of the bucket.'),
    Row('upload_prefix', 'flight_logs/', 'The folder above the folders of the machines.'),
    Row('endpoint_url', '', 'Another S3 server than AWS. Empty: AWS.'),
    Row('addressing_style', 'auto', 'Where the bucket stands in a URL.',
        choices=('auto', 'path', 'virtual')),
    Row('allowed_extensions', list(DEFAULT_EXTENSIONS), 'The file names that are flight logs.',
        choices=DEFAULT_EXTENSIONS),
    Row('max_file_size', 2 * 1024 ** 3, 'Bytes; a log must be smaller.', 2,
        MAX_OBJECT_SIZE_BYTES + 1, setting='max_file_size_bytes'),
    Row('validation_level', 'structure', 'How deep a log is checked before it is sent: its header,'
        ' also its structure without the data, or all of it.', choices=VALIDATION_LEVELS),
    Row('upload_corrupt', False, 'Store logs that nobody can read as well, in the folder corrupt'
        ' of the machine.'),
    Row('request_timeout', 30.0, 'Seconds; a call without progress ends within this time.',
        1, 3600, setting='request_timeout_s'),
    Row('credential_lifetime_s', 3600.0, 'Seconds; the life of a session token whose service'
        ' does not tell its end.', 1, 7 * 24 * 3600),
    Row('server_side_encryption', '', 'What S3 encrypts with. Empty: the default of the bucket.',
        choices=('', 'AES256', 'aws:kms')),
    Row('sse_kms_key_id', '', 'The key for aws:kms. Empty: the default key.'),
    Row('multipart_threshold', 16 * 1024 ** 2, 'Bytes; logs from this size on go up in parts.',
        MIN_PART_SIZE_BYTES, MAX_PART_SIZE_BYTES, setting='multipart_threshold_bytes'),
    Row('part_size', 8 * 1024 ** 2, 'Bytes of a part.',
        MIN_PART_SIZE_BYTES, MAX_PART_SIZE_BYTES, setting='part_size_bytes'),
    Row('max_concurrent_parts', 4, 'Requests that one upload has on the wire at once.', 1, 32,
        is_live=True),
    Row('max_concurrent_transfers', 4, 'Uploads at once.', 1, 32, is_live=True),
    Row('max_pending_requests', 100, 'Requests of one kind that may wait for their turn;'
        ' further ones are answered with 503.', 1, 10_000),
    Row('retry_max_delay_s', 300.0, 'Seconds; the longest pause before a log in the background'
        ' is tried again.', 1, 24 * 3600),
    Row('bag_directory', '', 'The folder that a relative file_path, and relative paths in events,'
        ' start from.'
        ' Empty: where the node was started.'),
    Row('state_directory', '', 'The folder of the ledger; one node at a time can have it. Empty:'
        ' flightlog_bucket in $ROS_HOME, else in ~/.ros.'),
    Row('watch_directories', [''], 'Folders whose finished logs are uploaded, with all that is in'
        ' them. Empty: none.'),
    Row('watch_patterns', ['*'], 'The names, or paths within a watched folder, of the files that'
        ' are meant; of these, the ones with an allowed extension.', is_live=True),
    Row('settle_s', 10.0, 'Seconds for which a log in a watched folder must be unchanged, and not'
        ' open for writing.', 0.1, 3600),
    Row('rescan_period_s', 60.0, 'Seconds between two looks at all of the watched folders, for'
        ' what no event has told.', 1, 24 * 3600),
    Row('max_bandwidth', 0, 'Bytes per second of all uploads together; 0: no limit.',
        0, 2 ** 40, is_live=True),
    Row('retention', KEEP, 'Which local logs of the watched folders are deleted, once S3 has'
        ' proved that it has them.', choices=(KEEP, AT_ONCE, KEEP_DAYS, FREE_SPACE)),
    Row('keep_days', 30.0, 'Days after which retention keep_days deletes a stored log.',
        0.001, MAX_KEEP_DAYS, is_live=True),
    Row('min_free_bytes', 0, 'Bytes of the disk below which retention free_space deletes the'
        ' oldest stored logs.', 0, _MAX_BYTES, is_live=True),
    Row('retention_dry_run', False, 'Say what retention would delete, and delete nothing.',
        is_live=True),
    Row('http_port', 0, 'The port of the REST API and of the page for the field; 0: there are'
        ' none.', 0, 65535),
    Row('http_address', '127.0.0.1', 'The address that they are served at. Any other than one'
        ' of this computer alone takes http_token_file.'),
    Row('http_token_file', '', 'A file that holds the bearer token, of 16 characters at least,'
        ' that each request must have. Empty: none is needed.'),
    Row('http_allowed_hosts', [''], 'Names of this computer that requests may be sent to, beside'
        ' its addresses, its host name and localhost.'),
    Row('http_cors_origins', [''], 'Web pages of other servers that may use the REST API,'
        ' e.g. https://fleet.example.com. Empty: none.'),
    Row('http_min_free_bytes', 256 * 1024 ** 2, 'Bytes that logs which are received over HTTP'
        ' leave free on the disk of the ledger.', 0, _MAX_BYTES),
    Row('log_level', '', 'The least severe lines of the log of this node that are written. Empty:'
        ' as it was started.', choices=LOG_LEVELS, is_live=True),
    Row('diagnostics_queue_warn', 100, 'So many logs that are not stored yet are a warning on'
        ' /diagnostics; 0: never.', 0, _MAX_COUNT, is_live=True),
    Row('diagnostics_queue_error', 1000, 'So many logs that are not stored yet are an error;'
        ' 0: never.', 0, _MAX_COUNT, is_live=True),
    Row('diagnostics_queue_bytes_warn', 50 * GIB, 'So many bytes of logs that are not stored yet'
        ' are a warning; 0: never.', 0, _MAX_BYTES, is_live=True),
    Row('diagnostics_queue_bytes_error', 0, 'So many bytes of logs that are not stored yet are an'
        ' error; 0: never.', 0, _MAX_BYTES, is_live=True),
    Row('diagnostics_queue_age_s_warn', 3600.0, 'Seconds; a log that has waited for so long is a'
        ' warning; 0: never.', 0, _MAX_AGE_S, is_live=True),
    Row('diagnostics_queue_age_s_error', 24 * 3600.0, 'Seconds; a log that has waited for so long'
        ' is an error; 0: never.', 0, _MAX_AGE_S, is_live=True),
    Row('diagnostics_free_bytes_warn', 5 * GIB, 'Bytes; less room than this on a disk of the'
        ' ledger or of a watched folder is a warning; 0: never.', 0, _MAX_BYTES, is_live=True),
    Row('diagnostics_free_bytes_error', GIB, 'Bytes; less room than this on such a disk is an'
        ' error; 0: never.', 0, _MAX_BYTES, is_live=True),
    Row('diagnostics_fault_s_warn', 10.0, 'Seconds; session tokens or S3 that fail for so long'
        ' are a warning; 0: never.', 0, _MAX_AGE_S, is_live=True),
    Row('diagnostics_fault_s_error', 300.0, 'Seconds; session tokens or S3 that fail for so long'
        ' are an error; 0: never.', 0, _MAX_AGE_S, is_live=True),
    Row('diagnostics_last_error_s', 600.0, 'Seconds for which an error of an upload is a warning;'
        ' 0: never.', 0, _MAX_AGE_S, is_live=True),
    Row('diagnostics_stale_s', 10.0, 'Seconds; what is known of the ledger or of a disk is stale'
        ' if it was measured longer ago.', 2, 3600, is_live=True),
)
