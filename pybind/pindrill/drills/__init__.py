"""Runs drills: mints, serves, drives clients, observes, and hands the facts to the judge."""
