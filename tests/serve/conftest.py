"""The fixture of a running gateway; what tests say with it is in `serving.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from serving import serve

__all__ = ["serve"]
