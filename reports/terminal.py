"""Prints parts of a report so that no line of a terminal begins with text of others, however it is wrapped.

Lines of a pipeline's log are commands to some CIs, by their beginning alone.
"""

from __future__ import annotations

import sys

from pindrill.reports.plain import BAR, opened
from rich.console import Console, RenderableType
from rich.segment import Segment, Segments
from rich.text import Text


def say(console: Console, part: RenderableType = "") -> None:
    """A text begins with words of ours; what it is wrapped into, and all lines of anything else, stand behind a bar."""
    text = Text(part) if isinstance(part, str) else part
    options = console.options.update(width=max(1, console.width - len(BAR)))
    for number, line in enumerate(console.render_lines(text, options, pad=False)):
        words = "".join(segment.text for segment in line)
        ours = not words.strip() or (isinstance(text, Text) and number == 0 and opened(words) == words)
        console.print(Segments([*([] if ours else [Segment(BAR)]), *line, Segment.line()]), end="")


def say_command(console: Console, command: str, width: int) -> None:
    """`Repeat COMMAND`, to be copied: never wrapped. `command` is one line."""
    console.print(Text.assemble(BAR, ("Repeat".rjust(width), "bold"), " ", command), soft_wrap=True)


def standard_console() -> Console:
    """As wide as the terminal; 120 columns where it is none."""
    return Console(width=None if sys.stdout.isatty() else 120)
