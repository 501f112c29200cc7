"""Language models on this computer: finding, checking and running them. No Qt, no SQL."""
