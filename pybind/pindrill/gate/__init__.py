"""Pin files, forecasts and drills as one step of a release, with one answer."""
