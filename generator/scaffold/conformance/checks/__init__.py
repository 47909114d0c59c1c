"""The checks, one module per group of the contract's section 8."""
