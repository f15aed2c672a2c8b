"""JSON that may be damaged: one sentence with the line instead of a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dualhead.errors import FormatError


def parse_json(data: bytes, path: str | Path | None = None) -> Any:
    """Parse the content of a JSON file.

    Args:
        data: The file's bytes.
        path: Where they came from, for the error message.

    Returns:
        What it holds.

    Raises:
        FormatError: If it is not whole JSON; it names the 1-based line where there is one.
    """
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        raise FormatError(f"not whole JSON ({error.msg}): copy or unzip it again", path, error.lineno) from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise FormatError(f"not JSON of a recording ({type(error).__name__}): the file is damaged", path) from None
