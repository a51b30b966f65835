"""What a person reads of runs: the report of one, the comparison of several. Imports no TensorFlow."""
