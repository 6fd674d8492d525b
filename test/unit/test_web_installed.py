"""The packages that HTTP takes: which, how old, and what is said where they are not there."""
from configparser import ConfigParser
from pathlib import Path
import shlex
import subprocess
import sys

from flightlog_bucket.api.needed import install_command, NEEDED
from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.sandbox.page_port import page_place, PagePlace
from flightlog_bucket.sandbox.process import package_environment, SandboxError
from flightlog_bucket.web.installed import check_installed
import pytest

ROOT = Path(__file__).resolve().parents[2]
RIGHT = {'fastapi': '0.101.0', 'uvicorn': '0.27.0.post1', 'python-multipart': '0.0.9'}


def install(directory: Path, versions: dict[str, str]) -> None:
    """Make a folder look as if pip had installed these there."""
    for name, version in versions.items():
        facts = directory / f'{name.replace("-", "_")}-{version}.dist-info'
        facts.mkdir()
        (facts / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\n'
                                        f'Version: {version}\n')


@pytest.mark.parametrize('changed, words', [
    ({}, ''), ({'fastapi': '0.63.0'}, 'fastapi 0.63.0 is too old: it takes 0.101 at least'),
    ({'uvicorn': '0.9'}, 'uvicorn 0.9 is too old'), ({'uvicorn': '1.0rc1'}, ''),
    ({'python-multipart': '0.0.8'}, 'python-multipart 0.0.8 is too old'),
    ({'fastapi': ''}, 'fastapi is not installed'),
])
def test_what_is_needed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                 changed: dict[str, str], words: str) -> None:
    assert list(RIGHT) == list(NEEDED)
    install(tmp_path, {name: version for name, version in {**RIGHT, **changed}.items() if version})
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    if not words:
        check_installed()
        return
    with pytest.raises(ConfigurationError) as caught:
        check_installed()
    assert words in str(caught.value)
    assert install_command() in str(caught.value)


def test_it_is_what_the_extra_and_the_manuals_name() -> None:
    setup = ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    program, verb, *packages = shlex.split(install_command())
    assert (program, verb) == ('pip', 'install')
    assert sorted(packages) == sorted(setup['options.extras_require']['http'].split())
    for manual in ('README.md', 'config/flightlog_bucket.yaml'):
        assert install_command() in (ROOT / manual).read_text('utf-8'), manual


@pytest.mark.parametrize('hidden', ['fastapi', 'multipart'])
def test_the_router_says_what_it_takes(hidden: str) -> None:
    code = ('import sys; sys.modules.update(dict.fromkeys(sys.argv[1:]))\n'
            'from flightlog_bucket.api import proxies\n'
            'try:\n    from flightlog_bucket.api import bucket_api\n'
            'except ImportError as error:\n    print(error)')
    done = subprocess.run([sys.executable, '-c', code, hidden, f'python_{hidden}'], text=True,
                          env=package_environment(), capture_output=True, check=True)
    assert hidden in done.stdout.partition(';')[0]
    assert f'the extra "http" of flightlog_bucket: {install_command()}' in done.stdout


def test_a_sandbox_without_them_has_no_page(tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    place = page_place(None)
    assert place.port == 0
    assert place.missing.startswith(f'fastapi is not installed; {install_command()}')
    assert page_place(0) == PagePlace(0)
    with pytest.raises(SandboxError, match=r'^--http-port: fastapi is not installed'):
        page_place(8080)
