"""Questions and recorded answers, in memory and in files; no models, no training, no scoring."""
