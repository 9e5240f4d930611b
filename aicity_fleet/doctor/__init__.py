"""What the command ``doctor`` checks, from the settings to the contract of AI City. It prints nothing."""
