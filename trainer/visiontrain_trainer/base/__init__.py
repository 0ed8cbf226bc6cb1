"""Parts that all other rooms use: errors, files, random draws."""
