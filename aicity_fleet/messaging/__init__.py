"""Messages between the processes: the broker, the base class of tasks, the consumer watch."""
