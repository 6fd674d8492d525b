"""The numbers and tables of the benchmark."""
from pathlib import Path
import sys

from benchmark import machine, options
from benchmark.cases import all_cases, Case, GIB, MIB, parse_size, size_text
from benchmark.files import are_same, crc32
from benchmark.process import ClientFailed, run
from benchmark.summary import percentile, ratio, Sample, Spread, Summary
from benchmark.table import case_table
import pytest


def sample(wall_s: float, cpu_s: float = 1.0, idle_mib: int = 50, peak_mib: int = 70) -> Sample:
    return Sample(wall_s=wall_s, cpu_s=cpu_s, startup_cpu_s=0.5, idle_bytes=idle_mib * MIB,
                  peak_bytes=peak_mib * MIB)


def test_a_summary_is_the_median_and_the_extremes() -> None:
    summary = Summary.of([sample(3.0), sample(1.0), sample(10.0)])
    assert summary.runs == 3
    assert summary.wall_s == Spread(3.0, 1.0, 10.0)
    assert summary.above_idle_bytes == 20 * MIB


def test_memory_that_shrank_is_not_negative() -> None:
    assert sample(1.0, idle_mib=80, peak_mib=70).above_idle_bytes == 0


@pytest.mark.parametrize('share, expected', [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1),
                                             (0.07, 7)])
def test_a_percentile_is_one_of_the_values(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_nothing_is_divided_by_nothing() -> None:
    assert ratio(3.0, None) is None
    assert ratio(3.0, 0.0) is None
    assert ratio(3.0, 2.0) == 1.5


def test_the_table_compares_with_boto3_and_names_what_is_missing() -> None:
    table = case_table(
        {'ours': Summary.of([sample(1.0, cpu_s=1.5, peak_mib=60)]),
         'boto3': Summary.of([sample(2.0, cpu_s=3.0)])},
        {'awscrt': 'not installed', 'obstore': 'failed: a | b\nc'})
    lines = table.splitlines()
    assert lines[0].startswith('| client | wall s | × boto3 | CPU s |')
    assert lines[2] == ('| ours | 1.00 (1.00–1.00) | 0.50 | 1.50 (1.50–1.50) | 0.50 | 0.50 | 60'
                        ' | 10 | 0.50 |')
    assert lines[4].startswith('| awscrt | not installed |')
    assert lines[5].startswith('| obstore | failed: a / b c |')
    assert len({line.count('|') for line in lines}) == 1


def test_without_boto3_there_is_nothing_to_compare_with() -> None:
    assert '| — |' in case_table({'ours': Summary.of([sample(1.0)])}, {})


def test_sizes_are_read_and_written_alike() -> None:
    assert parse_size('256MiB') == 256 * MIB
    assert size_text(parse_size('1GiB')) == '1 GiB'
    assert size_text(1536 * MIB) == '1536 MiB'
    for wrong in ('', 'MiB', '0MiB', '-1MiB', '1.5GiB', '100', '1MB'):
        with pytest.raises(ValueError, match='no size'):
            parse_size(wrong)


def test_cases_of_one_server_follow_each_other() -> None:
    cases = all_cases(['sink', 'rclone'], ['http', 'https'], ['upload'], [MIB, GIB])
    assert len(cases) == len(set(cases)) == 8
    assert [case.server for case in cases] == ['sink'] * 4 + ['rclone'] * 4
    assert Case('sink', 'https', 'download', GIB).title == (
        'Download of 1 GiB over HTTPS from the sink')


def test_the_command_is_shown_without_paths() -> None:
    assert options.shown([]) == 'make bench'
    assert options.shown(['--rounds', '3', '--output', '/home/me/x.md', '--work-directory=/d',
                          '--only', 'ours,boto3']) == (
        'make bench BENCH_ARGS="--rounds 3 --only ours,boto3"')


def test_options_take_names_that_there_are() -> None:
    assert options.parse(['--only', 'boto3,ours']).only == ['ours', 'boto3']
    with pytest.raises(SystemExit):
        options.parse(['--only', 'theirs'])


def test_a_process_is_measured_with_its_children(tmp_path: Path) -> None:
    spin = 'import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass'
    code = ('import subprocess, sys; held = bytes(range(256)) * 4 * 65536;'
            f' subprocess.run([sys.executable, "-c", {spin!r}], check=True); print("done")')
    usage = run([sys.executable, '-c', code], {}, tmp_path, 60)
    assert usage.said == 'done\n'
    assert usage.cpu_s >= 0.2
    assert usage.wall_s >= 0.2
    assert usage.peak_bytes > 64 * MIB


def test_a_process_that_fails_says_why_and_not_where(tmp_path: Path) -> None:
    with pytest.raises(ClientFailed, match=r'ended with 3: no \.\.\. there'):
        run([sys.executable, '-c', 'import sys; print("no /home/me/file there", file=sys.stderr);'
             ' sys.exit(3)'], {}, tmp_path, 60)


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ClientFailed, match='not ready within 0 s'):
        run([sys.executable, '-c', 'import threading; threading.Event().wait()'], {}, tmp_path,
            0.1)


def test_the_computer_is_described_without_its_name(tmp_path: Path) -> None:
    facts = machine.facts()
    assert set(facts) == {'CPU', 'memory', 'system', 'Python'}
    assert all(facts.values())
    assert machine.file_system(tmp_path) != 'unknown'


def test_files_are_compared_by_content(tmp_path: Path) -> None:
    one, other = tmp_path / 'one', tmp_path / 'other'
    one.write_bytes(b'123456789')
    assert crc32(one) == 0xCBF43926
    assert not are_same(one, other)
    other.write_bytes(b'123456780')
    assert not are_same(one, other)
    other.write_bytes(b'123456789')
    assert are_same(one, other)
