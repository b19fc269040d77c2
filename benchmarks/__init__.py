"""The figures of docs/benchmarks.md, measured again on this machine."""
