"""The parts of the benchmark of answer readers: peers of this project, run by an interpreter of their own."""
