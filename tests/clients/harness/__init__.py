"""What every client test shares: the node under test, the records, the scenarios, the report."""
