"""The marketplace on the loopback, for demos, tests and chaos runs, with a scripted model beside it.

It serves AI City's API as far as it is known, the guide's bridge, and an OpenAI-compatible endpoint,
so that a machine without any key runs the real client code end to end. Its state is in memory.
"""
