"""What model calls cost, what tasks earn, and what is left."""
