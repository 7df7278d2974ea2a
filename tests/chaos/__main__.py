"""``python -m tests.chaos``: the long play."""

from __future__ import annotations

import sys

from tests.chaos.storm.main import main

sys.exit(main())
