"""What the files of an evidence folder mean: figures, checks, findings, hypotheses."""
