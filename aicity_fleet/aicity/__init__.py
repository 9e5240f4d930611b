"""AI City as the fleet sees it: the contract (what the API looks like, as data) and the client."""
