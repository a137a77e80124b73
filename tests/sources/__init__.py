"""The feeds: paging, cursors, and what an answer proves."""
