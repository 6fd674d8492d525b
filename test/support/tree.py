"""What is below a folder, from which others remove things meanwhile."""
import os
from pathlib import Path


def below(folder: Path) -> list[Path]:
    """Return all files and folders below a folder; ``rglob`` raises where a folder goes."""
    return sorted(Path(at) / name
                  for at, folders, files in os.walk(folder)
                  for name in (*folders, *files))
