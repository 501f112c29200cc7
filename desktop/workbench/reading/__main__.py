"""What the app starts for each file that is read: `python -m desktop.workbench.reading SUFFIX`.

In a built app the app itself is started with the hidden argument `--read-document` instead.
"""

from __future__ import annotations

import sys

from desktop.workbench.reading.child import main

if __name__ == "__main__":
    main(sys.argv[1:])
