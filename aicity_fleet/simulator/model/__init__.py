"""The scripted model: it answers chat completions from the content of the task in the messages."""
