"""What is asked over HTTP, and what is made of the answers."""
