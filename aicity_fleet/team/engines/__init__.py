"""What gives the members of a run their turns: AutoGen's group chat, or a plain loop."""
