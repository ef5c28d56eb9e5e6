"""The benchmarks: one module each, which registers itself. `docs/benchmarks.md` lists them."""
