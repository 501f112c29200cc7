"""What a child of the app runs: `python -m models.engine ROLE [HANDLE]`.

In a built app the app itself is started with the hidden argument `--engine-ROLE` instead.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence


def main(args: Sequence[str]) -> int:
    """Be a "worker" or a "quantizer" at the end of a pipe, or print what "devices" or "facts" asks for."""
    match args:
        case ["worker", handle]:
            from models.engine import process

            process.run(process.serve, int(handle))
        case ["quantizer", handle]:
            from models.engine import process, quantize

            process.run(quantize.serve, int(handle))
        case ["devices"]:
            from models.engine.llama import devices

            sys.stdout.write(json.dumps(devices()) + "\n")
        case ["facts"]:
            import msgspec

            from models.engine.llama import backend_facts

            sys.stdout.write(msgspec.json.encode(backend_facts()).decode() + "\n")
        case _:
            return 64
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
