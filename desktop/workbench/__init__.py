"""What the app does, with no window: usable from a script, the command line or a test."""
