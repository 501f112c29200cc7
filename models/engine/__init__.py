"""One running model: protocol, scheduler, and the clients that talk to it."""
