"""What the shipped networks give and cost: sheets to look at, and figures."""
