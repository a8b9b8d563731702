"""\"I paid, where is my booking?\": a guest asks, Stripe is asked, and the link goes to the address on record."""
