"""What ``make bench`` runs: ratios against bare baselines measured in the same run, never timed tests."""
