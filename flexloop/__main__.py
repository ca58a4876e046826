"""The command ``flexloop``, and ``python -m flexloop``."""

from __future__ import annotations

import sys

from flexloop import interrupts


def main() -> None:
    """Run the command line; an interrupt ends it without a traceback, even while it still imports what it needs."""
    interrupts.listen()
    try:
        from flexloop.cli import app

        app()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(interrupts.status())
    except SystemExit:
        if interrupts.heard():
            sys.exit(interrupts.status())
        raise
    finally:
        interrupts.leave()


if __name__ == "__main__":
    main()
