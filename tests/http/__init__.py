"""What is asked over HTTP, and what is made of the answers."""  # noqa: A005 - the room's own name
