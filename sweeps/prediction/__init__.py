"""What a sweep would cost, measured before it runs, and how much of it fits a budget."""
