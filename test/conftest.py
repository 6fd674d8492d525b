"""What all tests share."""
import corpus
import pytest


@pytest.fixture(scope='session')
def corpus_files() -> list[corpus.CorpusFile]:
    """Return every file of the corpus; skips where there is none."""
    if not corpus.is_there():
        pytest.skip(corpus.MISSING)
    return corpus.files()
