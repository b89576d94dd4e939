"""What a person at the terminal wants to know of a report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def summary(report: Mapping[str, Any]) -> str:
    """The verdict, a line an operating point, the warnings, and where the page is."""
    config = report["config"]
    lines = ["", report["verdict"], ""]
    for name, point in report["operating_points"].items():
        if point["threshold"] is None:
            lines.append(f"  {name:<18} no threshold reaches it")
        else:
            lines.append(
                f"  {name:<18} distance <= {point['threshold']:.4f}  "
                f"precision {point['precision']:.4f}  recall {point['recall']:.4f}"
            )
    lines += [f"  warning: {text}" for text in report["warnings"]]
    if "stored" in report:
        lines.append(f"  stored in {config['bundle']}: {', '.join(report['stored'])}")
    return "\n".join([*lines, "", f"report: {Path(config['out']) / 'report.html'}"])
