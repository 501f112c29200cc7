"""The Rolltop application: the workbench, the window and the command line."""
