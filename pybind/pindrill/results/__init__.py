"""Result lines: what one is (line), where they are written and read (file, stored), which of them counts (newest)."""
