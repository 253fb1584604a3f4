"""Ratios against peers, measured in one run; by hand, never in CI."""
