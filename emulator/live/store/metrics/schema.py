"""Describes the tables of metrics: their names, and their values by periods."""

from __future__ import annotations

from emulator.live.store.database import Schema

METRICS = Schema(
    "metrics",
    version=1,
    statements=(
        """
        CREATE TABLE metrics (
            id INTEGER PRIMARY KEY,
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            namespace TEXT NOT NULL,
            name TEXT NOT NULL,
            dimensions TEXT NOT NULL,
            unit TEXT NOT NULL,
            last INTEGER NOT NULL,
            UNIQUE (account, region, namespace, name, dimensions, unit)
        )
        """,
        """
        CREATE TABLE metric_values (
            metric INTEGER NOT NULL,
            at INTEGER NOT NULL,
            distribution TEXT NOT NULL,
            PRIMARY KEY (metric, at)
        ) WITHOUT ROWID
        """,
    ),
)
"""Times are epoch seconds; dimensions are JSON pairs in the order of their names."""
