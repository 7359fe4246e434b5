"""Steps of the story that many tests begin with: each does one thing over HTTP, as its user would."""
