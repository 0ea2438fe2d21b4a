"""A laboratory that runs in the background: its daemon, its protocol, its sandbox and its client."""
