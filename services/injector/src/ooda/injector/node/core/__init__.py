"""What is said to the kernel and what becomes of each packet: pure, tested without either."""
