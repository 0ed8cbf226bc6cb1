"""What every part stands on: errors, files, random draws."""
