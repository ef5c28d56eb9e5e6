"""The ways into the gateway without writing files: known providers, their prices, and `router-r1 init`."""
