"""The exceptions a caller may catch; each message names the culprit and says what to do."""


class NeardupError(Exception):
    """Something the user can put right. Commands print it on one line and exit with code 2."""


class ImageError(NeardupError):
    """One image could not be read.

    Attributes:
        name: the file, or how the image was passed.
        reason: why, in words a person understands.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"cannot read {name}: {reason}")
        self.name = name
        self.reason = reason


class BlankError(NeardupError):
    """A picture of nearly one colour was to be compared; all of them look alike to an encoder.

    Attributes:
        name: the file, or how the image was passed.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is blank (nearly one colour) and cannot be compared")
        self.name = name


class BundleError(NeardupError):
    """A bundle is missing, damaged, or not the one a file was made with."""


class ConfigError(NeardupError):
    """A configuration key is unknown, of the wrong type, or out of range."""


def in_words(error: Exception) -> str:
    """Why content could not be taken apart: ``KeyError('keep')`` is "'keep' is missing"."""
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
