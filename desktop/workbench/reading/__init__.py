"""Documents from outside, read in a child process that can do no harm."""
