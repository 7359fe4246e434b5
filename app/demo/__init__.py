"""``gengheng demo``: the story of README, played over HTTP against a server of its own."""
