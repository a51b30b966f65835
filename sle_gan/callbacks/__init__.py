"""What happens between steps: samples, logs, checkpoints, signals."""
