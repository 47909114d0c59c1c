"""What a service has beyond the contract: its own operations and resources, told by its own document (contract §12)."""
