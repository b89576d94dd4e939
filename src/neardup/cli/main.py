"""The ``neardup`` command. Heavy imports wait until a command needs them."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from neardup import __version__
from neardup.cli import calibrate, clean, compare, embed, index, info, scan
from neardup.errors import NeardupError

FAILED, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors take one line on stderr and give 2.

    So does a crash, with its traceback: 1 is an answer, such as "different" or "duplicates found".
    """
    options = make_parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except NeardupError as error:
        print(f"neardup: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:  # a full disk, a folder that may not be written
        where = f"{error.filename}: " if error.filename else ""
        print(f"neardup: {where}{error.strerror or error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("neardup: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception:  # a mistake of ours; Python's exit code 1 would read as an answer
        traceback.print_exc()
        return FAILED
    return code


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="neardup", description="Find the pictures that are the same picture."
    )
    parser.add_argument("--version", action="version", version=f"neardup {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (compare, scan, clean, calibrate, embed, index, info):
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
