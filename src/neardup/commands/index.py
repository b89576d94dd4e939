"""``neardup index``: placeholder."""

from neardup.commands.arguments import Commands


def add(commands: Commands) -> None:
    pass
