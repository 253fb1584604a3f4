"""Result lines: read, checked, the newest of each cell."""

VERSION = 1
