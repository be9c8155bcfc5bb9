"""What the comparison's verdicts are worth: simulated releases, beside judges that count failed samples."""
