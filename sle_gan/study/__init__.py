"""Studies: trainings of several settings with several seeds, and what their scores say. Imports no TensorFlow."""
