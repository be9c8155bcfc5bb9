"""From metric samples to a verdict on a new version; knows nothing of where the versions run."""
