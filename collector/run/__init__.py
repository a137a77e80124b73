"""One run: what is asked, slice by slice, until each is complete, empty or a gap."""
