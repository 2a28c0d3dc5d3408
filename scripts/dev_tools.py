"""
Print the development tools of pyproject.toml, one requirement a line.

``pip install --group dev`` does the same from pip 25.1 on; Debian 12 has an older one.
"""

import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"

groups = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["dependency-groups"]
sys.stdout.writelines(f"{requirement}\n" for requirement in groups["dev"])
