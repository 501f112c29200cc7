"""Parts that two panels share."""
