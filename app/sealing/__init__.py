"""Keys and seals: thin over the ``cryptography`` package, which no other room imports."""
