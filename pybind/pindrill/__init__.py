"""Certificate-pinning conformance and rotation test harness."""
