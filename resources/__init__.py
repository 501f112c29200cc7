"""Data only: icons, styles, prompts, translations."""
