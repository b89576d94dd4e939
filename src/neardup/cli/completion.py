"""``neardup completion``: a script that completes the command in a shell."""

import argparse
import importlib

from neardup.cli.arguments import Commands
from neardup.errors import NeardupError


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "completion",
        help="print a completion script for a shell",
        description='bash: eval "$(neardup completion bash)"',
    )
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neardup.cli.main import make_parser

    try:
        shtab = importlib.import_module("shtab")
    except ImportError:
        raise NeardupError("completion needs one more package: pip install shtab") from None
    print(shtab.complete(make_parser(), shell=options.shell))
    return 0
