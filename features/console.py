"""How commands speak: words, tables and progress on standard error, one JSON object on standard output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

_WIDE = None if sys.stderr.isatty() else 160  # a log has no width of its own
console = Console(stderr=True, highlight=False, width=_WIDE)


def answer(content: Mapping[str, Any], as_json: bool) -> None:
    """Print the command's result for machines, where asked."""
    if as_json:
        sys.stdout.write(json.dumps(content, default=str, ensure_ascii=False, allow_nan=False) + "\n")
        sys.stdout.flush()


def say(text: str) -> None:
    """A line for people."""
    console.print(text, soft_wrap=True, markup=False)


def show_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for people; figures to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for k, name in enumerate(header):
        numeric = all(isinstance(row[k], (int, float)) or str(row[k])[:1] in "-+0123456789$" for row in rows)
        table.add_column(name, justify="right" if rows and numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    console.print(table)


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """A progress bar; yields a function to call with the amount newly done (1) and, when it is known, the total.

    A notebook gets none: Jupyter draws it anew only with widgets, and keeps it among the results.
    """
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=console.is_jupyter) as bars:
        task = bars.add_task(label, total=total)

        def advance(done: int = 1, of: int | None = None) -> None:
            bars.update(task, advance=done, total=of if of is not None else total)

        yield advance


class Stopwatch:
    """Where time went, by step, in the order of the steps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count the time of the body under `name`, added to what is there."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)

    def show(self, title: str = "Where time went") -> None:
        """Print the table for people."""
        rows = [(name, f"{seconds:.1f}") for name, seconds in self.seconds.items()]
        rows.append(("all", f"{sum(self.seconds.values()):.1f}"))
        show_table(title, ("step", "seconds"), rows)
