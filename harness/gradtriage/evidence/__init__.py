"""What a run leaves behind: the event stream of the test process and the folder that is sealed from it."""
