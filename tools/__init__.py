"""What the Makefile runs on the checkout itself."""
