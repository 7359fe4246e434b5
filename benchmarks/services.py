"""The two services that are measured side by side, each one worker in a process of its own."""

import base64
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import baseline, load
from benchmarks.databases import Urls


def exchange(urls: Urls, folder: Path) -> contextlib.AbstractContextManager[int]:
    """Serve the exchange as in production, on its own login; yields its port."""
    return load.serving(
        ["-m", "app.cli", "serve", "--workers", "1", "--port", "{port}"],
        "/readyz",
        folder / "exchange.log",
        {
            "GENGHENG_ENVIRONMENT": "production",
            "GENGHENG_DATABASE_URL": urls.service,
            "GENGHENG_SEALING_KEY": base64.b64encode(bytes(32)).decode(),
            "GENGHENG_DATA_DIR": str(folder),
        },
    )


def bare(urls: Urls, pages: Mapping[str, Any], folder: Path) -> contextlib.AbstractContextManager[int]:
    """Serve the bare endpoints; yields their port."""
    return load.serving(
        [*baseline.SERVER, *baseline.SERVER_OPTIONS],
        "/ready",
        folder / "bare.log",
        baseline.environment(urls.owner, pages, folder),
    )
