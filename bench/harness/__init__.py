"""What the comparisons share: the brokers, the machine, the wire, the tables."""
