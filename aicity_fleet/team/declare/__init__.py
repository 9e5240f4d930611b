"""Teams and models as their owner declares them: the schema, the built-in teams, the TOML files."""
