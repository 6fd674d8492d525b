"""The whole report, in Markdown."""
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

from benchmark.peers import Peer
from benchmark.rounds import Results
from benchmark.summary import BASELINE, Sample, Summary
from benchmark.table import case_table

_EXPLANATION = f"""\
Median of the rounds, with the least and the most; `× {BASELINE}` is the median divided by that
of `{BASELINE}`: below 1 is less time, work or memory. Each run is a process of its own, whose CPU
seconds (user and system, of all its threads and children) and peak of resident memory the kernel
tells when it ends. "Idle" is before the first request: a library has been imported and its client
made; for `aws` and `rclone`, which do not say when that is, it is the same command with a file of
one byte. Time and CPU seconds are those of the transfer, without the start-up, which has a column
of its own. What was uploaded and downloaded is compared with the file after each run, outside of
the time (the sink keeps the size only).

The sink answers as S3, throws away what it is sent and serves downloads from memory, so that the
client is what is measured; `rclone serve s3` writes and reads files, and shares the cores with
the client. Over HTTPS `rclone serve s3` refuses checksums that come after the content, so there
the SDKs of AWS are set to `when_required` (none from boto3, `aws` and awscrt, then; ours are sent
as ever).
"""


def write(*, command: str, facts: Mapping[str, str], busy: float, peers: Sequence[Peer],
          versions: Mapping[str, str], results: Results, ledger: str,
          checks: str) -> str:
    """
    Return the report.

    :param command: that made it
    :param facts: of the computer
    :param busy: processes that wanted to run, before it began
    :param peers: every client that was asked for
    :param versions: of each of them; empty: it is missing
    :param results: of the transfers
    :param ledger: the section on the ledger; may be empty
    :param checks: the section on checks of logs; may be empty
    """
    began = datetime.now(timezone.utc).strftime('%Y-%m-%d')
    lines = ['# Benchmark', '', f'Made with `{command}` on {began}.', '']
    lines += [f'- {name}: {value}' for name, value in facts.items()]
    if busy > 0.5:
        lines.append(f'- **the computer was busy** (load {busy:.1f} before it began): take no'
                     ' number of this for granted')
    lines += ['', _EXPLANATION, _peer_list(peers, versions)] if peers else ['']
    missing = {peer.name: 'not installed' for peer in peers if not versions[peer.name]}
    for case, samples in results.samples.items():
        lines += [f'## {case.title}', '', _case(
            samples, results.failures[case], peers, missing)]
    return '\n'.join([*lines, *filter(None, (ledger, checks))])


def _case(samples: Mapping[str, Sequence[Sample]], failures: Mapping[str, str],
          peers: Sequence[Peer], missing: Mapping[str, str]) -> str:
    failed = {name: f'failed: {why}' for name, why in failures.items()}
    return case_table(
        {peer.name: Summary.of(samples[peer.name]) for peer in peers
         if samples.get(peer.name) and peer.name not in failed},
        {**missing, **failed})


def _peer_list(peers: Sequence[Peer], versions: Mapping[str, str]) -> str:
    lines = (f'- `{peer.name}` ({versions[peer.name] or "**missing**"}): {peer.remarks}'
             for peer in peers)
    return '\n'.join(lines) + '\n'
