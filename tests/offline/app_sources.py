"""Makes the services of the platform's image importable; they are no part of the package."""

import sys
from pathlib import Path

APP = Path(__file__).resolve().parents[2] / "deploy" / "app"
if str(APP) not in sys.path:
    sys.path.insert(0, str(APP))
