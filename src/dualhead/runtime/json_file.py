"""Small JSON files that the package wrote, read back with their form checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dualhead.runtime.errors import ConfigError
from dualhead.runtime.schema import Check


def read_json(path: Path, form: Check, remedy: str) -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        form: Checks its content.
        remedy: The advice if it is damaged, for the error message.

    Returns:
        Its content.

    Raises:
        ConfigError: If it cannot be read, is not JSON or of another form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        form(content, "")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or error}): {remedy}") from error
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{path} is damaged ({reason}): {remedy}") from error
    return content
