"""neardup: find the pictures that are the same picture."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Detector", "__version__"]

if TYPE_CHECKING:
    from neardup.detector import Detector


def __getattr__(name: str) -> Any:
    """Import :class:`Detector` on first use, so that ``neardup --help`` stays instant."""
    if name == "Detector":
        from neardup.detector import Detector

        return Detector
    raise AttributeError(f"module 'neardup' has no attribute {name!r}")
