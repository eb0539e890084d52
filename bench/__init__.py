"""Benchmarks: `make bench`. Everything is compared within one run; machines differ, and are shared."""
